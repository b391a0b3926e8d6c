import type { Row } from '../row.ts';
import { eventually } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** Longer than the time limit of the function (400 ms) and the answer to a ping (100 ms). */
const GRACE_MS = 700;
const SILENCE_MS = 400;

async function marks(stage: Stage, mark: string): Promise<number> {
  const lines = await stage.logs({ app: 'attacker', function: 'late' });
  return lines.filter(({ message }) => message.includes(mark)).length;
}

const lateWork: Row = {
  id: 'I4',
  title: 'work that goes on after the time limit',
  event: ['sandbox.timeout'],
  async attack(stage, verdict) {
    await Promise.all(
      ['silent', 'answered', 'streaming', 'blocking'].map(async (name) => {
        const mark = `late-${name}-${crypto.randomUUID()}`;
        const outcome = await stage.outcome(`/attacker/late/${name}?mark=${mark}`);
        const expected = { silent: '504', answered: '200', streaming: 'cut off', blocking: '504' }[name];
        verdict.expect(outcome === expected, `${name}: ${outcome}`);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, GRACE_MS));
    const idle = await eventually(
      async () => (await stage.status()).instances.every((instance) => instance.function !== 'late'),
      2000,
    );
    verdict.expect(idle, 'an instance lives on after its time');
    const before = await stage.logs({ app: 'attacker', function: 'late' });
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    const after = await stage.logs({ app: 'attacker', function: 'late' });
    verdict.expect(
      before.some(({ message }) => message.includes('late-')),
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
    if (!(await eventually(async () => (await marks(stage, mark)) === 1, 2000)))
      throw new Error('work inside of the time limit was not finished');
  },
};

export const TIME_ROWS: readonly Row[] = [lateWork];
