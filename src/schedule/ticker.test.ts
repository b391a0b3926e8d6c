import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { DAY, HOUR, MINUTE, setUp, tableOf } from './schedule.fixture.ts';

const START = '2026-01-05T06:30:00.000Z';

test('a tick is one event at its time, with what set it off, and the note of it is durable along with it', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 7 * * 1-5', timezone: 'Europe/Berlin' });
  const ticker = await world.open();
  await world.time.pass(DAY, () => ticker.idle());
  assert.deepEqual(await world.ticks(), ['2026-01-06T06:00:00.000Z']);
  const lane = 'cron:0 7 * * 1-5 Europe/Berlin>shop/f0';
  const time = Date.parse('2026-01-06T06:00:00.000Z');
  assert.deepEqual(world.events.prepared, [
    {
      project: 'default',
      lane,
      event: {
        attributes: {
          specversion: '1.0',
          id: `${lane}@${time}`,
          source: '/apps/shop/functions/f0/schedules',
          type: 'cordon.schedule.tick',
          time: '2026-01-06T06:00:00.000Z',
          cordoncron: '0 7 * * 1-5',
          cordonscheduledtime: String(time),
        },
        data: null,
      },
      key: `${lane}@${time}`,
      order: null,
      hops: 0,
      delayMs: 0,
    },
  ]);
  assert.deepEqual(world.events.committed, [`${lane}@${time}`]);
  assert.deepEqual(await world.rows(), [{ lane, last_at: time, started_at: Date.parse(START) }]);
  await ticker.close();
  assert.equal(world.time.timers, 0);
  assert.deepEqual(world.lines, []);
});

test('a schedule begins with the deploy that brings it and ends with the one that drops it', async (t) => {
  const world = await setUp(t, START);
  const hourly = { cron: '0 * * * *', catchUp: 'all' } as const;
  const ticker = await world.open();
  const changed = () => {
    ticker.sourcesChanged();
    return ticker.idle();
  };
  assert.equal(world.time.timers, 0);
  await world.time.pass(DAY, () => ticker.idle());
  world.table = tableOf(hourly);
  await changed();
  assert.deepEqual(await world.ticks(), []);
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks(), ['2026-01-06T07:00:00.000Z']);
  // The same schedule in another deployment goes on.
  world.table = tableOf({ ...hourly, catchUp: 'none' }, { cron: '15 * * * *' });
  await changed();
  await world.time.pass(HOUR, () => ticker.idle());
  assert.deepEqual(await world.ticks(), ['2026-01-06T07:00:00.000Z', '2026-01-06T08:00:00.000Z']);
  assert.deepEqual(await world.ticks('f1'), ['2026-01-06T08:15:00.000Z']);
  world.table = tableOf();
  await changed();
  await world.time.pass(2 * HOUR, () => ticker.idle());
  assert.deepEqual(await world.rows(), []);
  // Back again, it knows nothing of the time between.
  world.table = tableOf(hourly);
  await changed();
  await world.time.pass(HOUR, () => ticker.idle());
  assert.equal((await world.ticks()).at(-1), '2026-01-06T11:00:00.000Z');
  assert.equal((await world.ticks()).length, 3);
  await ticker.close();
});

test('a schedule that was dropped while the server stood still is gone when it starts', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 * * * *' }, { cron: '1 * * * *' });
  await (await world.open()).close();
  world.table = tableOf({ cron: '0 * * * *' });
  await (await world.open()).close();
  assert.deepEqual(
    (await world.rows()).map(({ lane }) => lane),
    ['cron:0 * * * * UTC>shop/f0'],
  );
});

test('what was missed during a stop is made up for as the manifest says, and what is not is logged', async (t) => {
  const world = await setUp(t, START);
  const cron = '0 * * * *';
  world.table = tableOf({ cron, catchUp: 'none' }, { cron, catchUp: 'last' }, { cron, catchUp: 'all' });
  await (await world.open()).close();
  world.time.set(Date.parse('2026-01-05T09:30:00.000Z'));
  const ticker = await world.open();
  await world.time.pass(31 * MINUTE, () => ticker.idle());
  await ticker.close();
  const at = (hour: number) => `2026-01-05T0${hour}:00:00.000Z`;
  const next = '2026-01-05T10:00:00.000Z';
  assert.deepEqual(await world.ticks('f0'), [next]);
  assert.deepEqual(await world.ticks('f1'), [at(9), next]);
  assert.deepEqual(await world.ticks('f2'), [at(7), at(8), at(9), next]);
  assert.deepEqual(
    world.lines.map(({ function: fn, level, message }) => [fn, level, message]),
    [
      [
        'f0',
        'warn',
        `The schedule "${cron}" (UTC) does not make up for 3 missed ticks, the last one of ${at(9)}.`,
      ],
      [
        'f1',
        'warn',
        `The schedule "${cron}" (UTC) does not make up for 2 missed ticks, the last one of ${at(8)}.`,
      ],
    ],
  );
});

for (const past of [0, 1]) {
  const max = LIMITS.scheduleCatchUpMax.value;
  test(`of ${max + past} missed ticks ${max} are made up for, the latest`, async (t) => {
    const world = await setUp(t, START);
    world.table = tableOf({ cron: '* * * * *', catchUp: 'all' });
    await (await world.open()).close();
    // The last of them is missed just so.
    world.time.set(Date.parse(START) + (max + past) * MINUTE + LIMITS.scheduleLateMs.value - 1);
    world.time.set(world.time.now() + 1);
    const ticker = await world.open();
    await world.time.pass(0, () => ticker.idle());
    await ticker.close();
    const ticks = await world.ticks();
    // And one that is on time.
    assert.equal(ticks.length, max + 1);
    assert.equal(ticks[0], new Date(Date.parse(START) + (1 + past) * MINUTE).toISOString());
    assert.equal(world.lines.length, past);
  });
}

test('a tick that is late by less than the limit is given, and one that is late by the limit was missed', async (t) => {
  for (const [late, count] of [
    [LIMITS.scheduleLateMs.value - 1, 1],
    [LIMITS.scheduleLateMs.value, 0],
  ] as const) {
    const world = await setUp(t, START);
    world.table = tableOf({ cron: '0 7 * * *' });
    await (await world.open()).close();
    world.time.set(Date.parse('2026-01-05T07:00:00.000Z') + late);
    const ticker = await world.open();
    await world.time.pass(0, () => ticker.idle());
    await ticker.close();
    assert.equal((await world.ticks()).length, count);
    assert.equal(world.lines.length, 1 - count);
  }
});

test('a clock that is set back gives no tick again, and one that is set forward has missed some', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '*/10 * * * *', catchUp: 'last' });
  const ticker = await world.open();
  const pass = (ms: number) => world.time.pass(ms, () => ticker.idle());
  await pass(30 * MINUTE);
  const before = await world.ticks();
  assert.equal(before.length, 3);
  world.time.set(Date.parse(START));
  await pass(30 * MINUTE);
  assert.deepEqual(await world.ticks(), before);
  assert.match(world.lines[0]?.message ?? '', /no tick until 2026-01-05T07:00:00\.000Z/);
  assert.equal(world.lines.length, 1);
  await pass(10 * MINUTE);
  assert.deepEqual(await world.ticks(), [...before, '2026-01-05T07:10:00.000Z']);
  world.time.set(Date.parse('2026-01-05T08:05:00.000Z'));
  await pass(MINUTE);
  assert.equal((await world.ticks()).at(-1), '2026-01-05T08:00:00.000Z');
  assert.equal((await world.ticks()).length, 5);
  await ticker.close();
});

test('no timer is longer than the time between two looks at the clock, however far the next tick is', async (t) => {
  const world = await setUp(t, START);
  world.table = tableOf({ cron: '0 0 29 2 *' });
  const ticker = await world.open();
  await world.time.pass(10 * MINUTE, () => ticker.idle());
  assert.equal(Math.max(...world.time.asked), LIMITS.scheduleCheckMs.value);
  assert.equal(world.time.asked.length, 11);
  await ticker.close();
});
