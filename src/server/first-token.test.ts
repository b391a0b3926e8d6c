import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../contract/index.ts';
import { verifyToken } from '../control/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openFirstToken } from './first-token.ts';

test('a first token that nobody had is made anew, and opens nothing any more', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-first-token-'));
  t.after(() => rm(folder, { recursive: true }));
  const store = await openSqliteStore({ path: join(folder, 'store.sqlite') });
  t.after(() => store.close());
  const lost = await openFirstToken(store, folder, systemClock);
  assert.ok(lost.token !== null);
  for (const file of await readdir(folder)) {
    const bytes = await readFile(join(folder, file));
    assert.equal(bytes.includes(lost.token.slice(7, 40)), false, `${file} holds the token`);
  }
  // The process ended here, and starts again.
  const second = await openFirstToken(store, folder, systemClock);
  assert.ok(second.token !== null && second.token !== lost.token);
  assert.equal(await verifyToken(store, lost.token), false);
  assert.equal(await verifyToken(store, second.token), true);
  second.kept();
  const third = await openFirstToken(store, folder, systemClock);
  assert.equal(third.token, null);
  assert.equal(await verifyToken(store, second.token), true, 'one that somebody has is never replaced');
});
