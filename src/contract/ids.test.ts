import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from './ids.ts';

test('ids have their form and do not repeat, across refills of the pool', () => {
  const ids = Array.from({ length: 2000 }, () => newId('req'));
  for (const id of ids) assert.match(id, /^req_[0-9a-hjkmnp-tv-z]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
});
