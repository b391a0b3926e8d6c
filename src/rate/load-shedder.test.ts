import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from './clock.fixture.ts';
import { LoadShedder } from './load-shedder.ts';
import type { Overload, Slot } from './load-shedder.ts';
import { LoopLag } from './loop-lag.ts';
import { TOTAL_FLOOR } from './lag-limit.ts';

function open(requestsInFlightMax: number, random = 0): { clock: TestClock; shedder: LoadShedder } {
  const clock = new TestClock();
  return { clock, shedder: new LoadShedder({ clock, random: () => random, requestsInFlightMax }) };
}

function taken(outcome: Slot | Overload): Slot {
  assert.ok(outcome.allowed);
  return outcome;
}

function refused(outcome: Slot | Overload): Overload {
  assert.ok(!outcome.allowed);
  return outcome;
}

test('as many are in flight as there are places, one more is refused, and each that ends makes room', () => {
  const { shedder } = open(3);
  const [first] = ['a', 'b', 'c'].map((name) => taken(shedder.enter(name, 'known')));
  const overload = refused(shedder.enter('d', 'known'));
  assert.deepEqual(
    [overload.code, overload.reason, overload.fields],
    ['CORDON_OVERLOADED', 'requests in flight', ['retry-after', '1']],
  );
  first?.done(false);
  taken(shedder.enter('d', 'known'));
  refused(shedder.enter('d', 'known'));
});

test('a slot that is given back twice is given back once', () => {
  const { shedder } = open(2);
  const slot = taken(shedder.enter('a', 'known'));
  taken(shedder.enter('b', 'known'));
  slot.done(true);
  slot.done(true);
  assert.equal(shedder.inFlight, 1);
  taken(shedder.enter('c', 'known'));
  refused(shedder.enter('d', 'known'));
});

test('the last places are for callers who are known', () => {
  const { shedder } = open(10);
  for (let i = 0; i < 9; i++) taken(shedder.enter(`function ${i}`, 'unknown'));
  refused(shedder.enter('another', 'unknown'));
  taken(shedder.enter('another', 'known'));
  refused(shedder.enter('another', 'known'));
});

test('functions that hang leave places to the others', () => {
  const { shedder } = open(100);
  let open1 = 0;
  while (shedder.enter('hangs', 'known').allowed) open1 += 1;
  assert.equal(open1, 50);
  let open2 = 0;
  while (shedder.enter('hangs too', 'known').allowed) open2 += 1;
  assert.equal(open2, 25);
  const overload = refused(shedder.enter('hangs', 'known'));
  assert.equal(overload.reason, 'requests in flight of one function');
  for (let i = 0; i < 12; i++) taken(shedder.enter('fine', 'known'));
});

test('a function that has more to do than it can is shed, and its neighbour is not', () => {
  const { clock, shedder } = open(2000);
  const waiting: Slot[] = [];
  let servedBusy = 0;
  let servedQuick = 0;
  let reason = '';
  // Each 5 ms the busy function serves one request and is asked for three.
  for (let step = 0; step < 1000; step++) {
    for (let i = 0; i < 3; i++) {
      const outcome = shedder.enter('busy', 'unknown');
      if (outcome.allowed) waiting.push(outcome);
      else reason = outcome.reason;
    }
    waiting[0]?.assigned('one');
    const quick = taken(shedder.enter('quick', 'unknown'));
    quick.assigned('one');
    clock.ms += 5;
    quick.done(true);
    servedQuick += 1;
    const slot = waiting.shift();
    if (slot === undefined) continue;
    slot.done(true);
    servedBusy += 1;
  }
  assert.equal(reason, 'function overloaded');
  assert.equal(servedQuick, 1000);
  assert.ok(servedBusy >= 990, String(servedBusy));
  assert.ok(waiting.length <= 3, String(waiting.length));
});

test('a queue that stands while instances start is not shed, and one that stands all the same is', () => {
  /** A request each millisecond, of which an instance serves one each 5 ms; says how many were refused. */
  const refusedWith = (instancesAt: (ms: number) => number): number => {
    const { clock, shedder } = open(2000);
    const waiting: Slot[] = [];
    let count = 0;
    for (let i = 0; i < 20; i++) {
      const slot = taken(shedder.enter('grows', 'unknown'));
      slot.assigned('instance 0');
      clock.ms += 5;
      slot.done(true);
    }
    clock.ms += 1000;
    for (let ms = 0; ms < 1500; ms += 5) {
      for (let i = 0; i < 5; i++) {
        const outcome = shedder.enter('grows', 'unknown');
        if (outcome.allowed) waiting.push(outcome);
        else count += 1;
      }
      const running = waiting.splice(0, instancesAt(ms));
      for (const [i, slot] of running.entries()) slot.assigned(`instance ${i}`);
      clock.ms += 5;
      for (const slot of running) slot.done(true);
    }
    return count;
  };
  assert.equal(
    refusedWith((ms) => 1 + Math.min(6, Math.floor(ms / 60))),
    0,
  );
  assert.ok(refusedWith(() => 1) > 500);
});

test('the time to come back is spread, the more the more are refused', () => {
  const secondsOf = (random: number): string | undefined => {
    const { clock, shedder } = open(2000, random);
    const waiting: Slot[] = [];
    let seconds: string | undefined;
    for (let step = 0; step < 400; step++) {
      for (let i = 0; i < 10; i++) {
        const outcome = shedder.enter('busy', 'unknown');
        if (outcome.allowed) waiting.push(outcome);
        else [, seconds] = outcome.fields;
      }
      waiting[0]?.assigned('one');
      clock.ms += 5;
      waiting.shift()?.done(true);
    }
    return seconds;
  };
  assert.equal(secondsOf(0), '1');
  const late = Number(secondsOf(0.999));
  assert.ok(late > 3 && late <= 31, String(late));
});

test('while the event loop stays late less is let in, never less than the floor, and all again soon after', () => {
  const { clock, shedder } = open(2000);
  const places = (): number => {
    const slots: Slot[] = [];
    for (let i = 0; ; i++) {
      const outcome = shedder.enter(`function ${i}`, 'known');
      if (!outcome.allowed) break;
      slots.push(outcome);
    }
    for (const slot of slots) slot.done(false);
    return slots.length;
  };
  const pass = (lagMs: number, times: number): void => {
    for (let i = 0; i < times; i++) {
      clock.ms += 50;
      shedder.observeLag(lagMs, clock.ms);
    }
  };
  assert.equal(places(), 2000);
  pass(51, 4);
  assert.equal(places(), 2000, 'a moment is nothing');
  pass(51, 1);
  assert.equal(places(), 1400);
  pass(50, 40);
  assert.equal(places(), 2000, 'at the bound it is in time');
  pass(500, 200);
  assert.equal(places(), TOTAL_FLOOR);
  pass(0, 20);
  assert.ok(places() >= 1900, 'a second later');
});

test('one pause of the event loop, however long, sheds nothing', () => {
  const { clock, shedder } = open(4);
  for (const lag of [5000, 0, 5000, 0, 5000]) {
    clock.ms += 5000;
    shedder.observeLag(lag, clock.ms);
  }
  for (let i = 0; i < 4; i++) taken(shedder.enter(`function ${i}`, 'known'));
});

test('functions that nobody calls any more are forgotten, others are not', () => {
  const { clock, shedder } = open(2000);
  taken(shedder.enter('open', 'known'));
  for (let i = 0; i < 999; i++) taken(shedder.enter(`old ${i}`, 'known')).done(false);
  assert.equal(shedder.functions, 1000);
  clock.ms += 60_000;
  taken(shedder.enter('new', 'known'));
  assert.equal(shedder.functions, 2);
});

test('a loop that is kept busy is found late', async () => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const lags: number[] = [];
  // Its timer does not keep a process alive.
  const alive = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    const lag = new LoopLag(clock, (lagMs) => {
      lags.push(lagMs);
      now += lags.length === 1 ? 50 : 180;
      if (lags.length < 3) return;
      lag.stop();
      resolve();
    });
    now += 50;
  });
  clearInterval(alive);
  assert.deepEqual(lags, [0, 0, 130]);
});
