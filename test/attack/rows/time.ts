import { z } from 'zod';
import type { Row } from '../row.ts';
import { eventually } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** Longer than the time limit of the function (400 ms) and the answer to a ping (100 ms). */
const GRACE_MS = 700;
const SILENCE_MS = 400;

const FUNCTIONS = ['late', 'late-messages'] as const;
const LANE = 'queue:attacker-late';
const lanesSchema = z.object({
  lanes: z.array(z.object({ lane: z.string(), waiting: z.number(), dead: z.number() })),
});

type Lines = Awaited<ReturnType<Stage['logs']>>;

async function linesOf(stage: Stage): Promise<Lines> {
  const found = FUNCTIONS.map((name) => stage.logs({ app: 'attacker', function: name }));
  return (await Promise.all(found)).flat();
}

async function isSaid(stage: Stage, mark: string): Promise<boolean> {
  return eventually(
    async () => (await linesOf(stage)).filter(({ message }) => message.includes(mark)).length === 1,
    2000,
  );
}

/** Sends a message to the queue of a function, which does with it what its name says. */
async function sendMessage(stage: Stage, name: string, mark: string): Promise<void> {
  const outcome = await stage.outcome(`/attacker/late-messages/send?name=${name}&mark=${mark}`);
  if (outcome !== '200') throw new Error(`cannot send a message: ${outcome}`);
}

/** Resolves when no message waits, with the number of those that nobody could take. */
async function deadMessages(stage: Stage): Promise<number> {
  let dead = 0;
  const isAtRest = await eventually(async () => {
    const { text } = await stage.control('GET', '/v1/event-lanes');
    const lane = lanesSchema.parse(JSON.parse(text)).lanes.find((one) => one.lane === LANE);
    dead = lane?.dead ?? 0;
    return (lane?.waiting ?? 0) === 0;
  }, 5000);
  if (!isAtRest) throw new Error('messages still wait');
  return dead;
}

function isLate(name: string): boolean {
  return FUNCTIONS.some((late) => late === name);
}

const lateWork: Row = {
  id: 'I4',
  title: 'work that goes on after the time limit, of requests and of messages',
  event: ['sandbox.timeout'],
  async attack(stage, verdict) {
    const messages = ['silent', 'answered', 'blocking'];
    await Promise.all([
      ...messages.map((name) => sendMessage(stage, name, `late-${name}-${crypto.randomUUID()}`)),
      ...['silent', 'answered', 'streaming', 'blocking'].map(async (name) => {
        const mark = `late-${name}-${crypto.randomUUID()}`;
        const outcome = await stage.outcome(`/attacker/late/${name}?mark=${mark}`);
        const expected = { silent: '504', answered: '200', streaming: 'cut off', blocking: '504' }[name];
        verdict.expect(outcome === expected, `${name}: ${outcome}`);
      }),
    ]);
    const dead = await deadMessages(stage);
    // The one whose handler returned is done, whatever it left to go on.
    verdict.expect(dead === messages.length - 1, `${dead} of ${messages.length} messages are dead letters`);
    await stage.control('POST', '/v1/events/drop', { lane: LANE, state: 'dead' });
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
    const idle = await eventually(
      async () => (await stage.status()).instances.every((instance) => !isLate(instance.function)),
      2000,
    );
    verdict.expect(idle, 'an instance lives on after its time');
    const before = await linesOf(stage);
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    const after = await linesOf(stage);
    verdict.expect(
      before.filter(({ message }) => message.includes('late-')).length > messages.length,
      'no work was seen at all',
    );
    verdict.unharmed(
      after.length === before.length,
      `${after.length - before.length} log lines came after the end`,
    );
  },
  async twin(stage) {
    const mark = `modest-${crypto.randomUUID()}`;
    const outcome = await stage.outcome(`/attacker/late/modest?mark=${mark}`);
    if (outcome !== '200') throw new Error(`work inside of the time limit: ${outcome}`);
    if (!(await isSaid(stage, mark))) throw new Error('work inside of the time limit was not finished');
    const dead = await deadMessages(stage);
    await sendMessage(stage, 'modest', `message-${mark}`);
    if (!(await isSaid(stage, `message-${mark}`)) || (await deadMessages(stage)) !== dead)
      throw new Error('work for a message inside of the time limit was not finished');
  },
};

export const TIME_ROWS: readonly Row[] = [lateWork];
