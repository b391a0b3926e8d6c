import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { AdaptiveLimit, FLOOR } from './adaptive-limit.ts';
import type { Entry } from './adaptive-limit.ts';
import { Simulation, quantile, seeded } from './simulation.fixture.ts';
import type { Result, SimulatedFunction, Traffic } from './simulation.fixture.ts';

/** Light load first, then the flood, then light load again. */
const FLOOD_START_MS = 2000;
const FLOOD_END_MS = 12_000;
const END_MS = 15_000;
/** After which the flood is judged. */
const SETTLING_MS = 1000;
const SEEDS = [1, 2, 3];

function capacity({ servers }: SimulatedFunction, serviceMs: number): number {
  return (servers * 1000) / serviceMs;
}

function flood(perSecond: number, times: number, priority: Traffic['priority'] = 'unknown'): Traffic {
  const rate = (at: number): number =>
    at >= FLOOD_START_MS && at < FLOOD_END_MS ? perSecond * times : perSecond * 0.5;
  return { priority, rate };
}

function run(simulated: SimulatedFunction, traffic: readonly Traffic[], seed: number): readonly Result[] {
  const simulation = new Simulation(simulated, new AdaptiveLimit(0), seed);
  simulation.run(traffic, END_MS);
  return simulation.results;
}

/** How long the slowest hundredth takes in a function that is nearly idle. */
function unloaded(simulated: SimulatedFunction, perSecond: number): number {
  const simulation = new Simulation(simulated, null, 1);
  simulation.run([{ priority: 'unknown', rate: () => perSecond * 0.05 }], 60_000);
  return quantile(simulation.results.map(durationOf), 0.99);
}

function durationOf({ ms }: Result): number {
  return ms ?? Number.NaN;
}

function refusedIn(results: readonly Result[], from: number, to: number): number {
  return results.filter(({ at, ms }) => ms === null && at >= from && at < to).length;
}

const VARIANTS: readonly [name: string, serviceMs: number, simulated: SimulatedFunction][] = [
  ['one instance for one request each', 5, { discipline: 'queue', servers: 1, service: around(5) }],
  ['two instances for one request each', 5, { discipline: 'queue', servers: 2, service: around(5) }],
  ['twenty slow places', 50, { discipline: 'queue', servers: 20, service: around(50) }],
  ['requests that share two processors', 5, { discipline: 'sharing', servers: 2, service: around(5) }],
  ['requests that share four processors', 20, { discipline: 'sharing', servers: 4, service: around(20) }],
  ['times that vary without bound', 20, { discipline: 'queue', servers: 4, service: exponential(20) }],
];

/** From half of it to one and a half. */
function around(ms: number): SimulatedFunction['service'] {
  return (_, random) => ms * (0.5 + random());
}

function exponential(ms: number): SimulatedFunction['service'] {
  return (_, random) => -ms * Math.log(1 - random());
}

for (const [name, serviceMs, simulated] of VARIANTS) {
  suite(`a limit over ${name}`, () => {
    const perSecond = capacity(simulated, serviceMs);

    test('sheds nothing while the load is within capacity', () => {
      for (const seed of SEEDS) {
        const results = run(simulated, [flood(perSecond, 0.7)], seed);
        assert.equal(refusedIn(results, 0, END_MS), 0);
      }
    });

    test('keeps goodput and the time of what it accepts at three times the capacity', () => {
      const usual = unloaded(simulated, perSecond);
      for (const seed of SEEDS) {
        const results = run(simulated, [flood(perSecond, 3)], seed);
        const from = FLOOD_START_MS + SETTLING_MS;
        const served = results.filter(({ ms }) => ms !== null);
        const completed = served.filter(
          ({ at, ms }) => at + (ms ?? 0) >= from && at + (ms ?? 0) < FLOOD_END_MS,
        );
        const goodput = completed.length / ((FLOOD_END_MS - from) / 1000) / perSecond;
        assert.ok(goodput >= 0.9, `goodput ${goodput}`);
        const accepted = served.filter(({ at }) => at >= from && at < FLOOD_END_MS).map(durationOf);
        const slowdown = quantile(accepted, 0.99) / usual;
        assert.ok(slowdown <= 2, `p99 ${slowdown} times as long`);
      }
    });

    test('refuses nobody a second after the flood', () => {
      for (const seed of SEEDS) {
        const results = run(simulated, [flood(perSecond, 3)], seed);
        assert.equal(refusedIn(results, FLOOD_END_MS + 1000, END_MS), 0);
      }
    });
  });
}

test('callers who are known are served before a flood of others', () => {
  const simulated: SimulatedFunction = { discipline: 'queue', servers: 4, service: around(20) };
  const perSecond = capacity(simulated, 20);
  const known: Traffic = { priority: 'known', rate: () => perSecond * 0.4 };
  for (const seed of SEEDS) {
    const results = run(simulated, [flood(perSecond, 3), known], seed);
    const judged = results.filter(({ at }) => at >= FLOOD_START_MS + SETTLING_MS && at < FLOOD_END_MS);
    const shareRefused = (priority: Traffic['priority']): number => {
      const asked = judged.filter((result) => result.priority === priority);
      return asked.filter(({ ms }) => ms === null).length / asked.length;
    };
    assert.ok(shareRefused('known') < 0.05, String(shareRefused('known')));
    assert.ok(shareRefused('unknown') > 0.7, String(shareRefused('unknown')));
    const served =
      judged.filter(({ ms }) => ms !== null).length / ((FLOOD_END_MS - FLOOD_START_MS - SETTLING_MS) / 1000);
    assert.ok(served >= 0.9 * perSecond, `${served} of ${perSecond}`);
  }
});

test('a burst that is worked off is not shed', () => {
  const limit = new AdaptiveLimit(0);
  let now = 0;
  const serve = (): void => {
    const entered = limit.enter('unknown', now);
    assert.ok(entered !== null);
    now += 5;
    limit.leave(entered, 5, now);
  };
  for (let i = 0; i < 100; i++) serve();
  const burst = Array.from({ length: 100 }, () => limit.enter('unknown', now));
  for (const entered of burst) {
    assert.ok(entered !== null);
    now += 5;
    limit.leave(entered, 5, now);
    serve();
  }
  assert.equal(limit.limit, null);
});

test('a function that became slow, and not busy, is let alone after a moment', () => {
  const simulated: SimulatedFunction = {
    discipline: 'queue',
    servers: 1000,
    service: (at) => (at < FLOOD_START_MS ? 20 : 200),
  };
  const results = run(simulated, [{ priority: 'unknown', rate: () => 500 }], 1);
  assert.equal(refusedIn(results, FLOOD_START_MS + 5000, END_MS), 0);
});

test('a function that hangs keeps the floor, and is served again when it answers', () => {
  const limit = new AdaptiveLimit(0);
  let now = 0;
  for (let i = 0; i < 50; i++) {
    const entered = limit.enter('unknown', now);
    assert.ok(entered !== null);
    now += 5;
    limit.leave(entered, 5, now);
  }
  const open: Entry[] = [];
  const knock = (ms: number): number => {
    let passed = 0;
    for (const end = now + ms; now < end; now += 1) {
      const entered = limit.enter('unknown', now);
      if (entered === null) continue;
      open.push(entered);
      passed += 1;
    }
    return passed;
  };
  knock(1500);
  assert.equal(limit.limit, FLOOR);
  const passed = knock(5000);
  assert.ok(passed > 0 && passed <= (5000 / 500 + 1) * FLOOR, String(passed));
  for (const entered of open) limit.leave(entered, null, now);
  assert.equal(limit.inFlight, 0);
  for (let i = 0; i < 20; i++) {
    const entered = limit.enter('unknown', now);
    assert.ok(entered !== null);
    now += 5;
    limit.leave(entered, 5, now);
  }
  assert.equal(limit.limit, null);
});

test('long polls beside quick requests are no queue, however many are open', () => {
  const limit = new AdaptiveLimit(0);
  for (let now = 0; now < 20_000; now += 10) {
    if (now > 1000) assert.ok(limit.enter('unknown', now) !== null, `a long poll at ${now}`);
    const quick = limit.enter('unknown', now);
    assert.ok(quick !== null);
    limit.leave(quick, 5, now + 5);
  }
  assert.equal(limit.limit, null);
  assert.ok(limit.inFlight > 1800);
});

test('where all requests have become long ones, they are let in again after a while', () => {
  const simulated: SimulatedFunction = {
    discipline: 'queue',
    servers: 10_000,
    service: (at) => (at < FLOOD_START_MS ? 5 : 3000),
  };
  const simulation = new Simulation(simulated, new AdaptiveLimit(0), 1);
  simulation.run([{ priority: 'unknown', rate: () => 100 }], 60_000);
  assert.equal(refusedIn(simulation.results, 30_000, 60_000), 0);
});

test('after a flood, a function that is called now and then refuses nobody', () => {
  const limit = new AdaptiveLimit(0);
  const simulated: SimulatedFunction = { discipline: 'queue', servers: 2, service: around(5) };
  const simulation = new Simulation(simulated, limit, 1);
  simulation.run([{ priority: 'unknown', rate: (at) => (at < 1000 ? 200 : at < 3000 ? 1200 : 0) }], 3400);
  assert.deepEqual([limit.limit === null, limit.inFlight], [false, 0]);
  for (let now = 3400; now < 60_000; now += 1000) {
    const pair = [limit.enter('unknown', now), limit.enter('unknown', now)];
    for (const entered of pair) {
      if (entered !== null) limit.leave(entered, 5, now + 5);
      else assert.ok(now < 4400, String(now));
    }
  }
});

test('callers who ask again only when they are answered are not shed, however many they are', () => {
  for (const callers of [64, 500]) {
    const limit = new AdaptiveLimit(0);
    const random = seeded(callers);
    // One server that takes 5 ms for each.
    const waiting: (Entry | null)[] = [];
    let now = 0;
    for (let i = 0; i < 20; i++) {
      const entered = limit.enter('unknown', now);
      assert.ok(entered !== null);
      now += 5;
      limit.leave(entered, 5, now);
    }
    for (let i = 0; i < callers; i++) waiting.push(limit.enter('unknown', now));
    for (let served = 0; served < 2000; served++) {
      const entered = waiting.shift() ?? null;
      assert.ok(entered !== null, `${callers} callers, answer ${served}`);
      now += 4 + 2 * random();
      limit.leave(entered, 5, now);
      waiting.push(limit.enter('unknown', now));
    }
    assert.equal(limit.limit, null);
  }
});

test('whatever happens, the count is right, the limit is not below its floor, and an idle function lets in', () => {
  const step = fc.record({
    pauseMs: fc.integer({ min: 0, max: 300 }),
    enters: fc.integer({ min: 0, max: 30 }),
    leaves: fc.integer({ min: 0, max: 30 }),
    newest: fc.boolean(),
    serviceMs: fc.option(fc.integer({ min: 0, max: 2000 })),
    known: fc.boolean(),
    grew: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limit = new AdaptiveLimit(0);
      const open: Entry[] = [];
      let now = 0;
      for (const { pauseMs, enters, leaves, newest, serviceMs, known, grew } of steps) {
        now += pauseMs;
        if (grew) limit.grew(now);
        for (let i = 0; i < enters; i++) {
          const entered = limit.enter(known ? 'known' : 'unknown', now);
          if (entered !== null) open.push(entered);
          else assert.ok(open.length > 0, 'refused while nothing is in flight');
        }
        for (let i = 0; i < leaves; i++) {
          const entered = newest ? open.pop() : open.shift();
          if (entered !== undefined) limit.leave(entered, serviceMs, now);
        }
        assert.equal(limit.inFlight, open.length);
        assert.ok(limit.limit === null || limit.limit >= FLOOR);
      }
    }),
  );
});
