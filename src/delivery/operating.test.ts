import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { RETRY_MS, openDelivery, queueSource, settled } from './delivery.fixture.ts';

const JOBS = 'queue:jobs';
const worker = { name: 'worker', sources: [queueSource('jobs')] };

test('a claim that the store refuses is tried again after a pause, and says so once', async () => {
  const { accept, log, evidence, time } = openDelivery([worker]);
  log.failures.claim = 1;
  await accept(JOBS, 1);
  await time.pass(LIMITS.eventPauseMs.value - 1);
  assert.equal(log.done.length, 0);
  await time.pass(1);
  assert.equal(log.done.length, 1);
  assert.equal(evidence.lines.length, 1);
  assert.match(evidence.lines[0]?.message ?? '', /CORDON_STORE_FAILED/);
});

test('an outcome that the store refuses is kept at a later attempt, and given up after the last', async () => {
  const attempts = LIMITS.eventSettleAttemptsMax.value;
  const late = openDelivery([worker]);
  late.log.failures.settle = attempts - 1;
  await late.accept(JOBS, 1);
  await late.time.pass(attempts * LIMITS.eventPauseMs.value);
  assert.equal(late.log.done.length, 1);
  assert.equal(late.dispatcher.runs.length, 1);
  const lost = openDelivery([worker]);
  lost.log.failures.settle = attempts;
  await lost.accept(JOBS, 1);
  await lost.time.pass(attempts * LIMITS.eventPauseMs.value);
  assert.equal(lost.log.done.length, 0);
  assert.match(lost.evidence.lines[0]?.message ?? '', /come again/);
  await lost.time.pass(5000 + LIMITS.eventLeaseSlackMs.value);
  assert.equal(lost.log.done.length, 1, 'its lease ended');
  assert.equal(lost.dispatcher.runs.at(-1)?.attempt, 2);
});

test('draining takes nothing more, waits for what runs, and gives the rest back without counting', async () => {
  const { accept, dispatcher, log, delivery, time } = openDelivery([worker]);
  await accept(JOBS, 10);
  await settled();
  dispatcher.answer = () => null;
  await accept(JOBS, 3);
  await settled();
  const [quick, slow] = dispatcher.runs.slice(-dispatcher.open);
  assert.ok(quick !== undefined && slow !== undefined);
  let drained = false;
  const draining = delivery.drain().then(() => {
    drained = true;
  });
  await accept(JOBS, 5);
  dispatcher.reply(quick, { ok: true });
  await time.pass(LIMITS.drainTimeoutMs.value - 1);
  assert.equal(drained, false);
  const runs = dispatcher.runs.length;
  await time.pass(1);
  await draining;
  assert.ok(slow.aborted);
  assert.equal(dispatcher.runs.length, runs);
  assert.equal(log.done.length, 11);
  assert.ok(log.waiting.every(({ attempts }) => attempts === 0));
  assert.equal(log.waiting.length, 7);
});

test('draining ends at once when nothing runs', async () => {
  const { delivery, time } = openDelivery([worker]);
  await delivery.drain();
  assert.equal(time.timers, 0);
});

test('the status tells of each function what runs and of each lane what waits and since when', async () => {
  const { accept, dispatcher, delivery, time } = openDelivery([
    worker,
    { name: 'idle', sources: [queueSource('rest')] },
  ]);
  dispatcher.answer = ({ attempt }) => (attempt === 1 ? { ok: false } : null);
  const acceptedAt = time.now();
  await accept(JOBS, 1);
  await time.pass(RETRY_MS);
  await accept('queue:rest', 1, { delayMs: 60_000 });
  await accept('queue:nobody', 1);
  await settled();
  const { functions, unserved, inFlight } = await delivery.status();
  assert.equal(inFlight, 1);
  const [first, second] = functions;
  assert.deepEqual(first?.lanes, [{ lane: JOBS, waiting: 1, dead: 0, oldestAt: acceptedAt }]);
  assert.deepEqual([first?.function, first?.inFlight, first?.runs, first?.windowMax], ['worker', 1, 1, 16]);
  assert.deepEqual([second?.function, second?.inFlight, second?.lanes[0]?.waiting], ['idle', 0, 1]);
  assert.deepEqual(
    unserved.map(({ lane }) => lane),
    ['queue:nobody'],
  );
});

test('the oldest event is looked up for a bounded number of lanes', async () => {
  const { accept, delivery } = openDelivery([]);
  const most = LIMITS.eventLanesShownMax.value;
  for (let i = 0; i <= most; i++) await accept(`queue:q${i}`, 1);
  const { unserved } = await delivery.status();
  assert.equal(unserved.length, most + 1);
  assert.deepEqual(
    unserved.map(({ oldestAt }) => oldestAt !== null),
    unserved.map((_, i) => i < most),
  );
});

test('a clock that is set back holds up neither a function that pauses nor a batch that fills', async () => {
  const paused = openDelivery([worker]);
  paused.dispatcher.answer = () => ({ code: 'CORDON_OVERLOADED' });
  await paused.accept(JOBS, 1);
  await settled();
  paused.dispatcher.answer = () => ({ ok: true });
  paused.time.set(-3_600_000);
  await paused.accept(JOBS, 1);
  await paused.time.pass(LIMITS.eventPauseMs.value);
  assert.equal(paused.log.done.length, 1, 'the other one is due in an hour');
  const source = queueSource('jobs', { batch: 3, batchWaitMs: 1000 });
  const filling = openDelivery([{ name: 'worker', sources: [source] }]);
  await filling.accept(JOBS, 1);
  await settled();
  filling.time.set(-3_600_000);
  await filling.accept(JOBS, 1);
  await filling.time.pass(1000);
  assert.equal(filling.log.done.length, 1);
});
