import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReadCache } from './cache.ts';

test('the cache never says what the store does not, however reads and writes overlap', () => {
  // 0: begin a read, 1: the store answers the oldest read, 2: begin a write, 3: the store takes the oldest write,
  // 4: the oldest write that is taken is acknowledged, 5: the oldest answer arrives, 6: a write fails.
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 40 }), (steps) => {
      const cache = new ReadCache<number>(10_000);
      let store = 0;
      let next = 0;
      const reads: ((entry: number, bytes: number) => void)[] = [];
      const answers: (() => void)[] = [];
      const writes: { value: number; end: (written: { entry: number; bytes: number } | null) => void }[] = [];
      const acknowledgements: (() => void)[] = [];
      for (const step of steps) {
        if (step === 0) reads.push(cache.reading('k'));
        if (step === 1) {
          const read = reads.shift();
          const seen = store;
          if (read !== undefined) answers.push(() => read(seen, 8));
        }
        if (step === 2) writes.push({ value: ++next, end: cache.writing('k') });
        if (step === 3 || step === 6) {
          const write = writes.shift();
          if (write === undefined) continue;
          if (step === 3) store = write.value;
          acknowledgements.push(() => write.end(step === 3 ? { entry: write.value, bytes: 8 } : null));
        }
        if (step === 4) acknowledgements.shift()?.();
        if (step === 5) answers.shift()?.();
        const cached = cache.get('k');
        assert.ok(cached === undefined || cached === store, `${cached} is cached, ${store} is stored`);
      }
    }),
    { numRuns: 3000 },
  );
});

test('the cache keeps to its bytes and lets go of what was used least', () => {
  const cache = new ReadCache<string>(2000);
  for (const key of ['a', 'b', 'c']) cache.reading(key)(key, 400);
  assert.equal(cache.get('a'), 'a');
  cache.reading('d')('d', 400);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => cache.get(key) ?? null),
    ['a', null, 'c', 'd'],
  );
  cache.reading('large')('large', 2000);
  assert.equal(cache.get('large'), undefined);
});

test('a cache of no bytes keeps nothing', () => {
  const cache = new ReadCache<string>(0);
  cache.reading('a')('a', 1);
  cache.writing('a')({ entry: 'a', bytes: 1 });
  assert.equal(cache.get('a'), undefined);
});
