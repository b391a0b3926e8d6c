import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { RETRY_MS, newEvent, openDelivery, queueSource, settled } from './delivery.fixture.ts';
import type { Answer, Opened } from './delivery.fixture.ts';

const FLOOD = 10_000;
const QUIET = 200;
const AT_ONCE = LIMITS.eventsClaimedMax.value;

/** Which lane each event that was dispatched is of, in that order. */
function lanesOf({ dispatcher }: Opened): string[] {
  return dispatcher.runs.flatMap(({ request, ids }) => {
    const { event } = request;
    return ids.map(() => (event?.handler === 'queue' ? event.queue : ''));
  });
}

/** Every run ends before the next turn, until the quiet lane is empty. */
async function untilQuietIsDone(opened: Opened): Promise<{ readonly flood: number; readonly quiet: number }> {
  for (let turn = 0; turn < 2000; turn++) {
    const lanes = lanesOf(opened);
    const last = lanes.lastIndexOf('quiet');
    const quiet = lanes.filter((lane) => lane === 'quiet').length;
    if (quiet >= QUIET)
      return { flood: lanes.slice(0, last).filter((lane) => lane === 'flood').length, quiet };
    await settled();
  }
  throw new Error('The quiet lane starves.');
}

test('a lane with ten thousand events leaves another lane of the function every other run', async () => {
  const opened = openDelivery([{ name: 'worker', sources: [queueSource('flood'), queueSource('quiet')] }]);
  const flood = Array.from({ length: FLOOD }, () => newEvent('queue:flood'));
  await opened.log.accept(flood);
  await opened.accept('queue:quiet', QUIET);
  const ended = await untilQuietIsDone(opened);
  assert.ok(ended.flood <= QUIET + 2 * AT_ONCE, `${ended.flood} of the flood before ${QUIET}`);
  assert.ok(ended.flood >= QUIET - 2 * AT_ONCE, `${ended.flood} of the flood before ${QUIET}`);
});

test('a function with ten thousand events delays no other function', async () => {
  const opened = openDelivery([
    { name: 'flooded', sources: [queueSource('flood')] },
    { name: 'other', sources: [queueSource('quiet')] },
  ]);
  await opened.log.accept(Array.from({ length: FLOOD }, () => newEvent('queue:flood')));
  await opened.accept('queue:quiet', QUIET);
  const ended = await untilQuietIsDone(opened);
  assert.ok(ended.flood <= QUIET + 4 * AT_ONCE, `${ended.flood} of the flood before ${QUIET}`);
});

test('a lane whose events hang holds up the others of its function until their time is over, and not those of another', async () => {
  const limits = { instances: 1, concurrency: 2, timeMs: 5000 };
  const opened = openDelivery([
    { name: 'worker', sources: [queueSource('flood'), queueSource('quiet')], limits },
    { name: 'other', sources: [queueSource('third')] },
  ]);
  const hangs = (queue: string): boolean => queue === 'flood';
  opened.dispatcher.answer = ({ request: { event } }): Answer =>
    event?.handler === 'queue' && hangs(event.queue) ? null : { ok: true };
  await opened.accept('queue:flood', 100);
  await settled();
  await opened.accept('queue:third', 5);
  await opened.accept('queue:quiet', 5);
  await settled();
  assert.equal(opened.log.done.length, 5, 'those of the other function');
  await opened.time.pass(12 * (limits.timeMs + LIMITS.eventLeaseSlackMs.value));
  assert.equal(opened.log.done.length, 10);
});

const answer = fc.oneof(
  fc.record({ ok: fc.boolean() }),
  fc.record({
    ok: fc.boolean(),
    messages: fc.array(
      fc.oneof(
        fc.constant(true as const),
        fc.record({ retryAfterSeconds: fc.option(fc.integer({ min: 0, max: 5 })) }),
      ),
      { maxLength: 3 },
    ),
  }),
  fc.record({ ok: fc.boolean(), noRetry: fc.boolean() }),
  fc.record({
    code: fc.constantFrom(
      'CORDON_OVERLOADED' as const,
      'CORDON_FUNCTION_CRASHED' as const,
      'CORDON_FUNCTION_TIMEOUT' as const,
      'CORDON_SANDBOX_FAILED' as const,
    ),
  }),
  fc.record({ raw: fc.constantFrom('', '{', 'null') }),
  fc.constant(null),
);

test('whatever comes of its runs, every event ends once, done or dead', async () => {
  const given = fc.record({
    answers: fc.array(answer, { minLength: 1, maxLength: 12 }),
    batch: fc.integer({ min: 1, max: 5 }),
    ordered: fc.boolean(),
    count: fc.integer({ min: 1, max: 25 }),
    failures: fc.integer({ min: 0, max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ answers, batch, ordered, count, failures }) => {
      const opened = openDelivery([{ name: 'worker', sources: [queueSource('jobs', { batch, ordered })] }]);
      const { log, dispatcher, time, delivery } = opened;
      let turn = 0;
      // What is told stands for a while; then the function does well, so that what is the platform's fault ends.
      dispatcher.answer = () => (turn < 60 ? (answers[turn++ % answers.length] ?? null) : { ok: true });
      log.failures.claim = failures;
      log.failures.settle = failures;
      const ids = new Set<string>();
      for (let i = 0; i < count; i++) {
        const order = i % 2 === 0 ? 'even' : 'odd';
        for (const { id } of await log.accept([{ ...newEvent('queue:jobs'), order }]))
          if (id !== null) ids.add(id);
      }
      for (let step = 0; step < 60 && log.waiting.length > 0; step++) await time.pass(30 * RETRY_MS);
      assert.equal(log.waiting.length, 0);
      const ended = [...log.done, ...log.dead.keys()];
      assert.equal(ended.length, count);
      assert.deepEqual(new Set(ended), ids);
      const { inFlight, functions } = await delivery.status();
      assert.equal(inFlight, 0);
      assert.ok(functions.every((view) => view.runs === 0 && view.inFlight === 0));
      delivery.close();
    }),
    { numRuns: 40 },
  );
});
