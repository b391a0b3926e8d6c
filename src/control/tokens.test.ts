import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openSqliteStore, type Store } from '../store/index.ts';
import { ensureFirstToken, isTokenForm, newToken, verifyToken } from './tokens.ts';

let folder: string;
let store: Store;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cordon-tokens-'));
  store = await openSqliteStore({ path: join(folder, 'store.sqlite') });
});

after(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

test('the first token is made once, opens, and is on the disk only as a hash', async () => {
  const token = await ensureFirstToken(store);
  assert.ok(token !== null && isTokenForm(token));
  assert.equal(await ensureFirstToken(store), null);
  assert.equal(await verifyToken(store, token), true);
  for (const file of await readdir(folder)) {
    const bytes = await readFile(join(folder, file));
    assert.equal(bytes.includes(token.slice(7, 40)), false, `${file} holds the token`);
  }
});

test('a token that was never stored is refused, though its form is right', async () => {
  assert.equal(await verifyToken(store, newToken()), false);
});

test('a mistyped token does not pass its checksum', () => {
  const token = newToken();
  assert.equal(isTokenForm(token), true);
  const other = token[10] === 'A' ? 'B' : 'A';
  assert.equal(isTokenForm(`${token.slice(0, 10)}${other}${token.slice(11)}`), false);
  for (const text of ['', 'cordon_', token.slice(0, -1), `${token}A`, ` ${token}`, token.toUpperCase()]) {
    assert.equal(isTokenForm(text), false, text);
  }
});

test('tokens differ', () => {
  assert.notEqual(newToken(), newToken());
});
