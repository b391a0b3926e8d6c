import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { Write } from '../port.ts';
import { storeContract } from '../store.contract.ts';
import { openSqliteStore } from './sqlite-store.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-store-'));
after(() => rmSync(root, { recursive: true, force: true }));

let files = 0;
function newFile(): string {
  files += 1;
  return join(root, `${files}.db`);
}

function setting(name: string, value: string): Write {
  return { sql: 'INSERT INTO settings (name, value) VALUES (?, ?)', parameters: [name, value], changes: 1 };
}

storeContract('SQLite', () => openSqliteStore({ path: newFile() }));

test('makes files for their owner alone, in WAL mode', async () => {
  const path = newFile();
  const store = await openSqliteStore({ path });
  await store.commit([setting('a', '1')]);
  for (const file of [path, `${path}-wal`]) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  assert.deepEqual(await store.query({ sql: 'PRAGMA journal_mode', parameters: [] }), [
    { journal_mode: 'wal' },
  ]);
  await store.close();
});

test('refuses a write that would weaken durability or reach another file', async () => {
  const store = await openSqliteStore({ path: newFile() });
  const other = join(root, 'other.db');
  for (const sql of ['PRAGMA synchronous = OFF', `ATTACH '${other}' AS other`]) {
    await assert.rejects(store.commit([{ sql, parameters: [] }]), { code: 'CORDON_STORE_FAILED' });
  }
  assert.throws(() => statSync(other), { code: 'ENOENT' });
  await store.close();
});

test('keeps bytes, and those that it was given when the caller goes on with its buffer', async () => {
  const store = await openSqliteStore({ path: newFile() });
  await store.commit([{ sql: 'CREATE TABLE blobs (bytes BLOB)', parameters: [] }]);
  const bytes = Uint8Array.of(1, 2, 3);
  const committing = store.commit([{ sql: 'INSERT INTO blobs VALUES (?)', parameters: [bytes] }]);
  bytes.fill(9);
  await committing;
  assert.deepEqual(await store.query({ sql: 'SELECT bytes FROM blobs', parameters: [] }), [
    { bytes: Uint8Array.of(1, 2, 3) },
  ]);
  await store.close();
});

test('says that it cannot open what is no database, and what cannot be written', async () => {
  const path = newFile();
  writeFileSync(path, 'this is not a database, and long enough for a header of SQLite'.repeat(20));
  await assert.rejects(openSqliteStore({ path }), { code: 'CORDON_STORE_FAILED' });
  await assert.rejects(openSqliteStore({ path: join(path, 'below-a-file.db') }), {
    code: 'CORDON_STORE_FAILED',
  });
});

test('says that the disk is full, keeps what fits, and works again when there is room', async (context) => {
  const folder = join(root, 'small');
  mkdirSync(folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder]).status !== 0) {
    context.skip('mounting a small file system needs root');
    return;
  }
  try {
    const path = join(folder, 'cordon.db');
    const store = await openSqliteStore({ path });
    const ballast = join(folder, 'ballast');
    writeFileSync(ballast, Buffer.alloc(2_200_000));

    await assert.rejects(store.commit([setting('large', 'x'.repeat(1_000_000))]), {
      code: 'CORDON_STORE_FULL',
    });
    const together = await Promise.allSettled([
      store.commit([setting('small 1', '1')]),
      store.commit([setting('large', 'x'.repeat(1_000_000))]),
      store.commit([setting('small 2', '2')]),
    ]);
    assert.deepEqual(
      together.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const names = { sql: 'SELECT name FROM settings ORDER BY name', parameters: [] };
    assert.deepEqual(await store.query(names), [{ name: 'small 1' }, { name: 'small 2' }]);

    rmSync(ballast);
    await store.commit([setting('large', 'x'.repeat(100_000))]);
    await store.close();
    const reopened = new DatabaseSync(path, { readOnly: true });
    assert.deepEqual(reopened.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
    assert.equal(reopened.prepare('SELECT count(*) AS rows FROM settings').get()?.['rows'], 3);
    reopened.close();
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('leaves nothing of what was deleted in its files after a scrub', async () => {
  const path = join(root, 'scrub.db');
  const canary = 'canary-9f3b1c';
  const found = (): boolean =>
    [path, `${path}-wal`].some((file) => existsSync(file) && readFileSync(file).includes(canary));
  const store = await openSqliteStore({ path });
  await store.commit([
    { sql: 'INSERT INTO settings (name, value) VALUES (?, ?)', parameters: ['x', canary] },
  ]);
  assert.ok(found());
  await store.commit([{ sql: 'DELETE FROM settings WHERE name = ?', parameters: ['x'] }]);
  await store.scrub();
  assert.ok(!found());
  await store.close();
});
