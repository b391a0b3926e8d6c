import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CronTimes } from '../manifest/index.ts';
import type { Ticker } from './index.ts';
import { HOUR, MINUTE, SECOND, setUp, tableOf } from './schedule.fixture.ts';

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu'] as const;
/** Some hours before clocks are put forward and back there, and a plain day. */
const STARTS = [
  '2026-01-05T06:30:00Z',
  '2026-03-28T23:30:00Z',
  '2026-10-24T23:30:00Z',
  '2026-03-08T05:30:00Z',
  '2026-11-01T04:30:00Z',
  '2026-04-04T13:30:00Z',
  '2026-10-03T13:30:00Z',
];

const expression = fc
  .tuple(
    fc.constantFrom('0', '30', '*/20', '10,50', '15-17'),
    fc.constantFrom('*', '2', '1-3', '*/2', '0,1,2,3'),
    fc.constantFrom('*', '*', '29', '1-15'),
    fc.constantFrom('*', '*', '0', '1-5'),
  )
  .map(([minute, hour, day, weekday]) => `${minute} ${hour} ${day} * ${weekday}`);

const step = fc.oneof(
  // Long enough for a look at a clock that was set.
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.integer({ min: MINUTE + 1, max: 3 * HOUR }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('set'), ms: fc.integer({ min: -2 * HOUR, max: 2 * HOUR }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('restart'), ms: fc.integer({ min: 0, max: 5 * HOUR }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('die', 'die durably'),
      ms: fc.integer({ min: 0, max: 3 * HOUR }),
    }),
  },
);

test('each time of a schedule is one tick, whatever its expression, its zone, its clock and its luck', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      expression,
      fc.constantFrom(...ZONES),
      fc.constantFrom(...STARTS),
      fc.integer({ min: 0, max: 59_999 }),
      fc.array(step, { minLength: 3, maxLength: 8 }),
      async (cron, timezone, start, offset, steps) => {
        const from = Date.parse(start) + offset;
        const world = await setUpOnce(t);
        await world.clear();
        world.time.set(from);
        world.table = tableOf({ cron, timezone, catchUp: 'all' });
        let ticker: Ticker = await world.open();
        let reached = from;
        const pass = async (ms: number) => {
          await world.time.pass(ms, () => ticker.idle());
          reached = Math.max(reached, world.time.now());
        };
        for (const { kind, ms } of steps) {
          if (kind === 'pass') await pass(ms);
          else if (kind === 'set') world.time.set(world.time.now() + ms);
          else {
            if (kind !== 'restart') world.store.dies = { after: 1, isDurable: kind === 'die durably' };
            await world.time.pass(kind === 'restart' ? 0 : ms, () => ticker.idle());
            await ticker.close();
            world.store.revive();
            if (kind === 'restart') world.time.set(world.time.now() + ms);
            ticker = await world.open();
            await pass(0);
          }
        }
        // Long enough for each look at the clock and each second try to be over.
        await pass(2 * MINUTE + 10 * SECOND);
        await ticker.close();
        const times = new CronTimes(cron, timezone);
        const expected: string[] = [];
        for (let at = times.next(from); at !== null && at <= reached; at = times.next(at)) {
          expected.push(new Date(at).toISOString());
        }
        assert.deepEqual(await world.ticks(), expected);
      },
    ),
    { numRuns: 15 },
  );
});

let shared: ReturnType<typeof setUp> | null = null;

function setUpOnce(t: Parameters<typeof setUp>[0]): ReturnType<typeof setUp> {
  return (shared ??= setUp(t, 0));
}
