import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remembered } from './remembered.ts';

test('a name is judged once as it is spelt, up to its longest length and up to the number that is remembered', () => {
  const judged: string[] = [];
  const judge = remembered((name) => {
    judged.push(name);
    return name.length;
  });
  const longest = 'x'.repeat(64);
  for (const name of ['Host', 'Host', 'host', longest, longest, `${longest}x`, `${longest}x`]) {
    assert.equal(judge(name), name.length);
  }
  assert.deepEqual(judged, ['Host', 'host', longest, `${longest}x`, `${longest}x`]);
  for (let i = 0; i < 1021; i += 1) judge(String(i));
  judged.length = 0;
  judge('Host');
  assert.deepEqual(judged, [], 'the greatest number is remembered');
  judge('one-more');
  judge('Host');
  assert.deepEqual(judged, ['one-more', 'Host'], 'and one more forgets the others');
});
