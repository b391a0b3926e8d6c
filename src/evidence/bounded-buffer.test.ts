import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedBuffer } from './bounded-buffer.ts';

test('takes rows up to its number, and counts the one past it', () => {
  const buffer = new BoundedBuffer<string>(2, 100);
  assert.deepEqual(
    ['a', 'b', 'c'].map((row) => buffer.add(row, 1)),
    [true, true, false],
  );
  assert.deepEqual(buffer.first(9), ['a', 'b']);
  assert.equal(buffer.takeDropped(), 1);
  assert.equal(buffer.takeDropped(), 0);
  buffer.remove(1);
  assert.equal(buffer.add('d', 1), true);
  assert.deepEqual(buffer.first(1), ['b']);
});

test('takes rows up to its bytes, and counts the byte past them', () => {
  const buffer = new BoundedBuffer<string>(100, 10);
  assert.equal(buffer.add('a', 10), true);
  assert.equal(buffer.add('b', 1), false);
  buffer.remove(1);
  assert.equal(buffer.size, 0);
  assert.equal(buffer.add('c', 11), false);
  assert.equal(buffer.add('d', 10), true);
  assert.equal(buffer.takeDropped(), 2);
});
