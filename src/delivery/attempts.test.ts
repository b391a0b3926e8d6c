import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import {
  ATTEMPTS,
  PROJECT,
  RETRY_MS,
  newEvent,
  openDelivery,
  queueSource,
  settled,
} from './delivery.fixture.ts';
import { Delivery } from './index.ts';

const JOBS = 'queue:jobs';
const worker = { name: 'worker', sources: [queueSource('jobs')] };
const batches = (more: Parameters<typeof queueSource>[1]) => ({
  name: 'worker',
  sources: [queueSource('jobs', more)],
});

test('an event whose handler throws comes again with backoff, and is dead after its last attempt with the reason', async () => {
  const { accept, dispatcher, log, time } = openDelivery([worker], { random: () => 0.999_999 });
  dispatcher.answer = () => ({ ok: false });
  const [id = ''] = await accept(JOBS, 1);
  await settled();
  assert.equal(dispatcher.runs.length, 1);
  await time.pass(ATTEMPTS.backoffMs - 2);
  assert.equal(dispatcher.runs.length, 1, 'the first pause is not over');
  await time.pass(2);
  assert.equal(dispatcher.runs.length, 2);
  await time.pass(2 * ATTEMPTS.backoffMs - 3);
  assert.equal(dispatcher.runs.length, 2, 'the second pause is twice as long');
  await time.pass(3);
  assert.equal(dispatcher.runs.length, ATTEMPTS.attempts);
  await time.pass(10 * RETRY_MS);
  assert.equal(dispatcher.runs.length, ATTEMPTS.attempts, 'a dead letter does not come again');
  assert.equal(log.dead.get(id), 'CORDON_FUNCTION_ERROR: The handler threw.');
});

for (const code of ['CORDON_OVERLOADED', 'CORDON_SANDBOX_FAILED', 'CORDON_DRAINING'] as const) {
  test(`an attempt that ends with ${code} does not count, and the function pauses`, async () => {
    const { accept, dispatcher, log, time } = openDelivery([worker]);
    let refusals = 10;
    dispatcher.answer = () => (refusals-- > 0 ? { code } : { ok: true });
    await accept(JOBS, 1);
    await settled();
    assert.equal(dispatcher.runs.length, 1);
    await time.pass(LIMITS.eventPauseMs.value - 1);
    assert.equal(dispatcher.runs.length, 1);
    await time.pass(10 * LIMITS.eventPauseMs.value + 1);
    assert.equal(log.done.length, 1);
    assert.ok(dispatcher.runs.every(({ attempt }) => attempt === 1));
    assert.equal(dispatcher.runs.length, 11);
  });
}

for (const code of ['CORDON_FUNCTION_TIMEOUT', 'CORDON_FUNCTION_RESPONSE', 'CORDON_INTERNAL'] as const) {
  test(`an attempt that ends with ${code} counts`, async () => {
    const { accept, dispatcher, log, time } = openDelivery([worker]);
    dispatcher.answer = () => ({ code });
    const [id = ''] = await accept(JOBS, 1);
    await time.pass(10 * RETRY_MS);
    assert.equal(dispatcher.runs.length, ATTEMPTS.attempts);
    assert.match(log.dead.get(id) ?? '', new RegExp(`^${code}: `));
  });
}

for (const code of ['CORDON_FUNCTION_CRASHED', 'CORDON_FUNCTION_MEMORY'] as const) {
  test(`an attempt beside others that ends with ${code} does not count, and each event runs alone after it`, async () => {
    const { accept, dispatcher, log, time } = openDelivery([worker]);
    const [poison = ''] = await accept(JOBS, 3);
    dispatcher.answer = ({ ids, request }) =>
      ids.includes(poison) || request.alone !== true ? { code } : { ok: true };
    await time.pass(10 * RETRY_MS);
    assert.deepEqual([...log.dead.keys()], [poison]);
    assert.equal(log.done.length, 2);
    assert.equal(dispatcher.runs.filter(({ ids }) => ids.includes(poison)).length, ATTEMPTS.attempts + 1);
    assert.ok(
      dispatcher.runs.slice(3).every(({ request, ids }) => request.alone === true && ids.length === 1),
    );
  });
}

test('an attempt beside others that takes too long counts, and each event runs alone after it', async () => {
  const { accept, dispatcher, log, time } = openDelivery([worker]);
  const [poison = ''] = await accept(JOBS, 3);
  // A loop: nothing else in the instance comes to its end.
  dispatcher.answer = ({ ids, request }) =>
    ids.includes(poison) || request.alone !== true ? { code: 'CORDON_FUNCTION_TIMEOUT' } : { ok: true };
  await time.pass(10 * RETRY_MS);
  assert.deepEqual([...log.dead.keys()], [poison]);
  assert.equal(log.done.length, 2);
  assert.equal(dispatcher.runs.filter(({ ids }) => ids.includes(poison)).length, ATTEMPTS.attempts);
});

test('an event that finds no instance for itself runs beside others in the end', async () => {
  const { accept, dispatcher, log, time } = openDelivery([worker]);
  dispatcher.answer = ({ request }) => {
    if (dispatcher.runs.length === 1) return { code: 'CORDON_FUNCTION_CRASHED' };
    return request.alone === true ? { code: 'CORDON_OVERLOADED' } : { ok: true };
  };
  await accept(JOBS, 1);
  await time.pass(20 * LIMITS.eventPauseMs.value);
  assert.equal(log.done.length, 1);
  const asked = dispatcher.runs.map(({ request }) => request.alone === true);
  assert.deepEqual(asked, [false, ...Array<boolean>(LIMITS.eventAloneAttemptsMax.value).fill(true), false]);
});

test('a batch has what waits, at most as many messages as the source says and bytes as a run may have', async () => {
  const { accept, dispatcher, log } = openDelivery([batches({ batch: 10 })]);
  await accept(JOBS, 25);
  await settled();
  assert.deepEqual(
    dispatcher.runs.map(({ ids }) => ids.length),
    [10, 10, 5],
  );
  assert.equal(log.done.length, 25);
  const half = newEvent(JOBS, {}, 'x'.repeat(LIMITS.queueBatchBytesMax.value / 2));
  await log.accept([half, half, newEvent(JOBS, {}, 'y')]);
  await settled();
  assert.deepEqual(
    dispatcher.runs.slice(3).map(({ ids }) => ids.length),
    [2, 1],
  );
});

test('a batch waits to become full as long as the source says, and no longer', async () => {
  const { accept, dispatcher, time } = openDelivery([batches({ batch: 3, batchWaitMs: 1000 })]);
  await accept(JOBS, 2);
  await time.pass(999);
  assert.equal(dispatcher.runs.length, 0);
  await time.pass(1);
  assert.deepEqual(
    dispatcher.runs.map(({ ids }) => ids.length),
    [2],
  );
  await accept(JOBS, 2);
  await accept(JOBS, 1);
  await settled();
  assert.deepEqual(
    dispatcher.runs.map(({ ids }) => ids.length),
    [2, 3],
  );
});

test('one poison message among a hundred is the only dead letter', async () => {
  const { accept, dispatcher, log, time } = openDelivery([batches({ batch: 20 })]);
  const ids = await accept(JOBS, 100);
  const poison = ids[42] ?? '';
  dispatcher.answer = ({ ids: given }) => ({ ok: !given.includes(poison) });
  await time.pass(20 * RETRY_MS);
  assert.deepEqual([...log.dead.keys()], [poison]);
  assert.equal(log.done.length, 99);
  const again = dispatcher.runs.filter(({ attempt }) => attempt > 1);
  assert.ok(again.length >= 20 && again.every((run) => run.ids.length === 1));
});

test('a poison message of a source with one attempt takes no other with it', async () => {
  const { accept, dispatcher, log, time } = openDelivery([batches({ batch: 20, attempts: 1 })]);
  const ids = await accept(JOBS, 40);
  const poison = ids[7] ?? '';
  dispatcher.answer = ({ ids: given }) => ({ ok: !given.includes(poison) });
  await time.pass(RETRY_MS);
  assert.deepEqual([...log.dead.keys()], [poison]);
  assert.equal(log.done.length, 39);
});

test('messages of one sender are delivered one after the other', async () => {
  const { log, dispatcher, time } = openDelivery([batches({ batch: 2, ordered: true })]);
  const running = new Set<string>();
  dispatcher.answer = () => null;
  const give = (order: string) => ({ ...newEvent(JOBS), order });
  await log.accept([give('a'), give('a'), give('b'), give('a'), give('b')]);
  const seen: string[] = [];
  for (let turn = 0; turn < 12; turn++) {
    await time.pass(10);
    const open = dispatcher.runs.filter((run) => !running.has(run.request.id));
    for (const run of open) {
      running.add(run.request.id);
      seen.push(...run.ids);
      dispatcher.reply(run, { ok: true });
    }
  }
  assert.equal(log.done.length, 5);
  const ofA = seen.filter((id) => ['e1', 'e2', 'e4'].includes(id));
  const ofB = seen.filter((id) => ['e3', 'e5'].includes(id));
  assert.deepEqual(ofA, ['e1', 'e2', 'e4']);
  assert.deepEqual(ofB, ['e3', 'e5']);
});

test('a dispatcher that never answers costs the event an attempt and no place for good', async () => {
  const { accept, dispatcher, log, time, delivery } = openDelivery([worker]);
  dispatcher.answer = () => null;
  const [id = ''] = await accept(JOBS, 1);
  await time.pass(ATTEMPTS.attempts * (5000 + LIMITS.eventLeaseSlackMs.value));
  assert.equal(dispatcher.runs.length, ATTEMPTS.attempts);
  assert.ok(dispatcher.runs.every(({ aborted }) => aborted));
  assert.match(log.dead.get(id) ?? '', /^CORDON_FUNCTION_TIMEOUT/);
  assert.equal((await delivery.status()).inFlight, 0);
});

test('an event that takes the server with it at each attempt is dead after the last, and not run again', async () => {
  const { accept, dispatcher, log, time, delivery, ...given } = openDelivery([worker]);
  dispatcher.answer = () => null;
  const [id = ''] = await accept(JOBS, 1);
  await settled();
  let running = delivery;
  for (let crash = 1; crash <= ATTEMPTS.attempts; crash++) {
    assert.equal(dispatcher.runs.length, crash);
    running.close();
    await time.pass(5000 + LIMITS.eventLeaseSlackMs.value);
    running = Delivery.open({
      events: log,
      dispatcher,
      directory: given.served,
      sources: () => given.served.sources(),
      evidence: given.evidence,
      project: PROJECT,
      clock: time,
      timers: time,
    });
    await settled();
  }
  assert.equal(dispatcher.runs.length, ATTEMPTS.attempts);
  assert.equal(log.dead.get(id), 'CORDON_FUNCTION_CRASHED: The last attempt did not end.');
  assert.equal((await running.status()).inFlight, 0);
});
