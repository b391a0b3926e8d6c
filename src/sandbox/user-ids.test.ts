import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropPrivileges, isRoot, releaseUserId, takeUserId, toolUserId } from './user-ids.ts';

test('an id is held by one sandbox at a time, and there is an end to them', () => {
  const taken: number[] = [];
  assert.throws(() => {
    for (;;) taken.push(takeUserId());
  }, /more than 900 sandboxes/);
  assert.equal(new Set(taken).size, 900);
  assert.ok(!taken.includes(toolUserId()));
  const [first = 0, ...rest] = taken;
  releaseUserId(first);
  assert.equal(takeUserId(), first);
  for (const id of [first, ...rest]) releaseUserId(id);
});

test('root becomes another user without privileges, others stay who they are', () => {
  const command = dropPrivileges('/usr/bin/setpriv', 1234);
  if (!isRoot()) assert.deepEqual(command, []);
  else
    for (const flag of ['--reuid=1234', '--clear-groups', '--no-new-privs', '--bounding-set=-all'])
      assert.ok(command.includes(flag));
});
