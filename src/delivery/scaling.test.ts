import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import type { ClaimOptions } from '../events/index.ts';
import { openDelivery, queueSource, settled } from './delivery.fixture.ts';
import type { SeenRun } from './delivery.fixture.ts';

const JOBS = 'queue:jobs';
const worker = { name: 'worker', sources: [queueSource('jobs')] };

test('runs of a function grow with its backlog up to what it has places for, and less its reserve where it answers requests', async () => {
  const most = async (handlers: readonly string[]): Promise<number[]> => {
    const { accept, dispatcher } = openDelivery([
      { ...worker, handlers, limits: { instances: 5, concurrency: 4 } },
    ]);
    dispatcher.answer = () => null;
    await accept(JOBS, 200);
    const seen: number[] = [];
    for (let generation = 0; generation < 7; generation++) {
      await settled();
      const open = dispatcher.runs.slice(-dispatcher.open);
      seen.push(open.length);
      for (const run of open) dispatcher.reply(run, { ok: true });
    }
    return seen;
  };
  assert.deepEqual(await most(['queue']), [1, 2, 4, 8, 16, 20, 20]);
  assert.deepEqual(await most(['queue', 'fetch']), [1, 2, 4, 8, 16, 16, 16]);
});

test('a window halves when the platform has no room, and time without events brings it back to one', async () => {
  const { accept, dispatcher, delivery, time } = openDelivery([worker]);
  await accept(JOBS, 200);
  await settled();
  const window = async (): Promise<number> => (await delivery.status()).functions[0]?.window ?? 0;
  const grown = await window();
  assert.equal(grown, 16);
  dispatcher.answer = () => ({ code: 'CORDON_OVERLOADED' });
  await accept(JOBS, 16);
  await settled();
  assert.equal(await window(), 8, 'once, although sixteen runs were refused');
  dispatcher.answer = () => ({ ok: true });
  await time.pass(LIMITS.eventPauseMs.value);
  const rested = await window();
  await time.pass(LIMITS.eventWindowHalfLifeMs.value);
  assert.equal(await window(), Math.floor(rested / 2));
  await time.pass(20 * LIMITS.eventWindowHalfLifeMs.value);
  assert.equal(await window(), 1);
});

test('a function has no more events in flight than are left for others', async () => {
  const limits = { instances: 500, concurrency: 1000 };
  const { accept, dispatcher, delivery } = openDelivery([
    { name: 'flooded', sources: [queueSource('flood', { batch: 100 })], limits },
    { name: 'other', sources: [queueSource('quiet')], limits },
  ]);
  let held: SeenRun[] = [];
  dispatcher.answer = (run) => {
    held.push(run);
    return null;
  };
  await accept('queue:flood', 10_000);
  for (let generation = 0; generation < 8; generation++) {
    await settled();
    const open = held;
    held = [];
    if (generation < 7) for (const run of open) dispatcher.reply(run, { ok: true });
    else held = open;
  }
  await settled();
  const before = (await delivery.status()).inFlight;
  assert.equal(before, LIMITS.eventsInFlightMax.value / 2);
  await accept('queue:quiet', 1);
  await settled();
  assert.equal(dispatcher.runs.at(-1)?.served.fn.spec.name, 'other');
  assert.equal((await delivery.status()).inFlight, before + 1);
});

test('a lane gives at most a bounded number of events at once, and a lease as long as its function may run', async () => {
  const limits = { timeMs: 7000, instances: 10, concurrency: 10 };
  const { accept, log } = openDelivery([{ ...worker, limits }]);
  const claim = log.claim.bind(log);
  const asked: ClaimOptions[] = [];
  log.claim = (project, lane, options) => {
    asked.push(options);
    return claim(project, lane, options);
  };
  await accept(JOBS, 500);
  await settled();
  await settled();
  assert.equal(log.done.length, 500);
  assert.equal(Math.max(...asked.map(({ limit }) => limit)), LIMITS.eventsClaimedMax.value);
  assert.ok(asked.every(({ leaseMs }) => leaseMs === 7000 + LIMITS.eventLeaseSlackMs.value));
});
