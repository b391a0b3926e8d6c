import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRequestId } from './request-id.ts';

test('ids have their form and do not repeat, across refills of the pool', () => {
  const ids = Array.from({ length: 2000 }, newRequestId);
  for (const id of ids) assert.match(id, /^req_[0-9a-hjkmnp-tv-z]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
});
