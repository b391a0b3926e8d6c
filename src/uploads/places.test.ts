import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { Places } from './places.ts';

test('so many work at once, so many wait in their order, and one more is turned away', async () => {
  const places = new Places(2, 3);
  const ended: number[] = [];
  const gates: (() => void)[] = [];
  const works = Array.from({ length: 5 }, (_, index) =>
    places.within(async () => {
      await new Promise<void>((resolve) => gates.push(resolve));
      ended.push(index);
    }),
  );
  await nextTurn();
  assert.equal(gates.length, 2);
  await assert.rejects(
    places.within(() => Promise.resolve()),
    { code: 'CORDON_OVERLOADED' },
  );
  for (let opened = 0; opened < works.length; opened += 1) {
    gates[opened]?.();
    await nextTurn();
  }
  await Promise.all(works);
  assert.deepEqual(ended, [0, 1, 2, 3, 4]);
});

test('work that fails gives its place to the next', async () => {
  const places = new Places(1, 1);
  const failing = places.within(() => Promise.reject(new Error('no')));
  const next = places.within(() => Promise.resolve('done'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'done');
  assert.equal(await places.within(() => Promise.resolve('free again')), 'free again');
});
