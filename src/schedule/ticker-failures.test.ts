import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { HOUR, MINUTE, SECOND, setUp, tableOf } from './schedule.fixture.ts';

const START = '2026-01-05T06:30:00.000Z';

test('a process that dies at any point gives each tick once all the same', async (t) => {
  for (const isDurable of [false, true]) {
    for (const after of [0, 1, 2, 3]) {
      const world = await setUp(t, START);
      world.table = tableOf({ cron: '*/10 * * * * *', catchUp: 'all' });
      const first = await world.open();
      world.store.dies = { after, isDurable };
      await world.time.pass(35 * SECOND, () => first.idle());
      await first.close();
      assert.equal((await world.ticks()).length, Math.min(3, after + (isDurable ? 1 : 0)));
      world.store.revive();
      const second = await world.open();
      await world.time.pass(10 * SECOND, () => second.idle());
      await second.close();
      assert.deepEqual(
        await world.ticks(),
        [10, 20, 30, 40].map((second) => `2026-01-05T06:30:${second}.000Z`),
      );
    }
  }
});

test('a commit that failed is undone in the log and tried again, and said once', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 7 * * *' });
  const ticker = await world.open();
  world.store.dies = { after: 0, isDurable: false };
  await world.time.pass(30 * MINUTE + 20 * SECOND, () => ticker.idle());
  assert.ok(world.events.failures > 1);
  assert.deepEqual(await world.ticks(), []);
  world.store.revive();
  await world.time.pass(LIMITS.scheduleRetryMs.value, () => ticker.idle());
  assert.deepEqual(await world.ticks(), ['2026-01-05T07:00:00.000Z']);
  assert.deepEqual(
    world.lines.map(({ level }) => level),
    ['error'],
  );
  await ticker.close();
});

test('a lane that is full goes without its tick, and holds up no other', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 * * * *' }, { cron: '0 * * * *' });
  const ticker = await world.open();
  world.events.full.add('cron:0 * * * * UTC>shop/f0');
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks('f0'), []);
  assert.deepEqual(await world.ticks('f1'), ['2026-01-05T07:00:00.000Z']);
  assert.match(world.lines[0]?.message ?? '', /no tick for 2026-01-05T07:00:00\.000Z, as too many/);
  world.events.full.clear();
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks('f0'), ['2026-01-05T08:00:00.000Z']);
  assert.equal(world.lines.length, 1);
  await ticker.close();
});

test('a tick beyond the quota of its source is left out, and holds up no other', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 * * * *' }, { cron: '0 * * * *' });
  const ticker = await world.open();
  world.events.exhausted.add('cron:0 * * * * UTC>shop/f0');
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks('f0'), []);
  assert.deepEqual(await world.ticks('f1'), ['2026-01-05T07:00:00.000Z']);
  assert.match(world.lines[0]?.message ?? '', /07:00:00\.000Z, as its quota is used up/);
  await ticker.close();
});

test('a tick that hangs holds up no other schedule', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 * * * *' }, { cron: '0,1,2 * * * *' });
  const ticker = await world.open();
  const hanging = Promise.withResolvers<void>();
  world.events.before = ({ lane }) => (lane.endsWith('/f0') ? hanging.promise : Promise.resolve());
  for (const [index, minutes] of [30, 1, 1].entries()) {
    await world.time.pass(minutes * MINUTE, async () => undefined);
    while (world.events.committed.length <= index) {
      await new Promise(setImmediate);
      await world.time.pass(0, async () => undefined);
    }
  }
  assert.equal((await world.ticks('f1')).length, 3);
  assert.deepEqual(await world.ticks('f0'), []);
  hanging.resolve();
  await ticker.close();
  assert.deepEqual(await world.ticks('f0'), ['2026-01-05T07:00:00.000Z']);
});

test('as many schedules as the limit are under way at once, and one more waits for a place', async (t) => {
  const max = LIMITS.schedulesAtOnceMax.value;
  const world = await setUp(t, START);
  world.table = tableOf(...Array.from({ length: max + 1 }, () => ({ cron: '0 * * * *' })));
  const ticker = await world.open();
  const hanging = Promise.withResolvers<void>();
  let underWay = 0;
  world.events.before = () => {
    underWay++;
    return hanging.promise;
  };
  await world.time.pass(30 * MINUTE, async () => undefined);
  assert.equal(underWay, max);
  hanging.resolve();
  await ticker.idle();
  assert.equal(underWay, max + 1);
  assert.equal(world.events.committed.length, max + 1);
  await ticker.close();
});

test('two who keep one schedule give each tick once', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '*/10 * * * * *' });
  const both = [await world.open(), await world.open()];
  await world.time.pass(MINUTE, async () => {
    await Promise.all(both.map((ticker) => ticker.idle()));
  });
  const ticks = await world.ticks();
  assert.equal(ticks.length, new Set(ticks).size);
  assert.ok(ticks.length >= 5);
  await Promise.all(both.map((ticker) => ticker.close()));
});

test('a tick of a schedule that was dropped on its way is not given', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 * * * *' });
  const ticker = await world.open();
  const hanging = Promise.withResolvers<void>();
  world.events.before = () => hanging.promise;
  await world.time.pass(30 * MINUTE, async () => undefined);
  world.table = tableOf();
  ticker.sourcesChanged();
  // It is under way, so that only the store can tell.
  while ((await world.rows()).length > 0) await new Promise(setImmediate);
  hanging.resolve();
  await ticker.close();
  assert.deepEqual(await world.ticks(), []);
  assert.deepEqual(world.lines, []);
});

test('a store that is out of reach at a deploy is asked again', async (t) => {
  const world = await setUp(t, START);
  const ticker = await world.open();
  world.store.dies = { after: 0, isDurable: false };
  world.table = tableOf({ cron: '0 * * * *' });
  ticker.sourcesChanged();
  await ticker.idle();
  assert.deepEqual(await world.rows(), []);
  assert.equal(world.lines[0]?.level, 'error');
  world.store.revive();
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks(), ['2026-01-05T07:00:00.000Z']);
  await ticker.close();
});
