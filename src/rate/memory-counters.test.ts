import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TestClock } from './clock.fixture.ts';
import { countersContract } from './counters.contract.ts';
import { MemoryCounters } from './memory-counters.ts';
import type { Bucket } from './port.ts';

countersContract('memory', () => {
  const clock = new TestClock();
  return Promise.resolve({
    counters: new MemoryCounters({ clock }),
    pass: (ms: number) => {
      clock.ms += ms;
      return Promise.resolve();
    },
  });
});

const SLOW: Bucket = { count: 1, periodMs: 86_400_000, burst: 1 };

function allows(counters: MemoryCounters, key: string, bucket = SLOW): boolean {
  return counters.take([{ key, bucket }])[0]?.allowed === true;
}

test('no window of any length sees more than the burst and what came back in it', () => {
  const bucket = fc.record({
    count: fc.integer({ min: 1, max: 1000 }),
    periodMs: fc.integer({ min: 1, max: 100_000 }),
    burst: fc.integer({ min: 1, max: 50 }),
  });
  const step = fc.tuple(fc.double({ min: 0, max: 5000, noNaN: true }), fc.integer({ min: 0, max: 5 }));
  fc.assert(
    fc.property(bucket, fc.array(step, { maxLength: 60 }), (bucket, steps) => {
      const clock = new TestClock();
      const counters = new MemoryCounters({ clock, entriesMax: 16 });
      const given: { at: number; cost: number }[] = [];
      for (const [pauseMs, cost] of steps) {
        clock.ms += pauseMs;
        if (counters.take([{ key: 'k', bucket, cost }])[0]?.allowed === true)
          given.push({ at: clock.ms, cost });
      }
      for (let from = 0; from < given.length; from++) {
        let sum = 0;
        for (const { at, cost } of given.slice(from)) {
          sum += cost;
          const came = ((at - (given[from]?.at ?? 0)) * bucket.count) / bucket.periodMs;
          assert.ok(sum <= bucket.burst + came + 0.01, `${sum} of ${bucket.burst + came}`);
        }
      }
    }),
  );
});

test('a caller who keeps to the rate is never refused', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { maxLength: 100 }),
      (count, periodMs, pauses) => {
        const clock = new TestClock();
        const counters = new MemoryCounters({ clock, entriesMax: 16 });
        for (const pause of pauses) {
          assert.equal(allows(counters, 'k', { count, periodMs, burst: 1 }), true);
          clock.ms += (1 + pause) * (periodMs / count);
        }
      },
    ),
  );
});

test('where the clock goes back, tokens neither come back nor stay away', () => {
  const clock = new TestClock();
  clock.ms = 1e9;
  const counters = new MemoryCounters({ clock });
  const bucket = { count: 1, periodMs: 1000, burst: 1 };
  assert.equal(allows(counters, 'k', bucket), true);
  clock.ms = 0;
  assert.equal(allows(counters, 'k', bucket), false);
  clock.ms = 990;
  assert.equal(allows(counters, 'k', bucket), false);
  clock.ms = 1000;
  assert.equal(allows(counters, 'k', bucket), true);
});

test('a bucket in debt outlives a flood of new callers, who share what is left when the table is full', () => {
  const clock = new TestClock();
  const counters = new MemoryCounters({ clock, entriesMax: 1024 });
  assert.equal(allows(counters, 'victim'), true);
  let passed = 0;
  for (let i = 0; i < 100_000; i++) if (allows(counters, `caller ${i}`)) passed += 1;
  assert.equal(allows(counters, 'victim'), false);
  // 1024 places and 4096 that are shared, of which each gives once.
  assert.ok(passed >= 1000 && passed <= 1024 + 4096, String(passed));
});

test('callers whose buckets are full again leave their places to others', () => {
  const clock = new TestClock();
  const counters = new MemoryCounters({ clock, entriesMax: 1024 });
  const bucket = { count: 1, periodMs: 1000, burst: 1 };
  for (let i = 0; i < 20_000; i++) {
    clock.ms += 10;
    assert.equal(allows(counters, `caller ${i}`, bucket), true);
  }
});

test('a million callers fit into 16 bytes each', () => {
  const counters = new MemoryCounters();
  const before = process.memoryUsage();
  for (let i = 0; i < 1_000_000; i++) counters.take([{ key: `caller ${i}`, bucket: SLOW }]);
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  assert.ok(bytes < 64 * 2 ** 20, `${bytes} bytes`);
  assert.equal(allows(counters, 'caller 0'), false);
  assert.equal(allows(counters, 'caller 999999'), false);
});

test('the size of the table is a power of two from 16', () => {
  assert.doesNotThrow(() => new MemoryCounters({ entriesMax: 16 }));
  assert.throws(() => new MemoryCounters({ entriesMax: 1000 }), RangeError);
  assert.throws(() => new MemoryCounters({ entriesMax: 8 }), RangeError);
});
