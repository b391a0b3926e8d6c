import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { objectStoreContract } from '../object-store.contract.ts';
import { openFileObjectStore } from './file-object-store.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-object-'));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root, `${folders}`);
}

function fileOf(folder: string, hash: string): string {
  return join(folder, hash.slice(0, 2), hash);
}

objectStoreContract('files', () => openFileObjectStore({ path: newFolder() }));

test('keeps objects across a reopen, and removes what a crash left half-written', async () => {
  const path = newFolder();
  const hash = await (await openFileObjectStore({ path })).put(Buffer.from('kept'));
  writeFileSync(join(path, 'incoming', 'half'), 'ke');

  const reopened = await openFileObjectStore({ path });
  assert.deepEqual(readdirSync(join(path, 'incoming')), []);
  assert.equal(Buffer.from(await reopened.get(hash)).toString(), 'kept');
});

test('leaves nothing behind in the folder of incoming objects', async () => {
  const path = newFolder();
  const store = await openFileObjectStore({ path });
  await Promise.all([1, 2, 3].map((size) => store.put(randomBytes(size))));
  assert.deepEqual(readdirSync(join(path, 'incoming')), []);
});

test('keeps everything for its owner alone', async () => {
  const path = newFolder();
  const hash = await (await openFileObjectStore({ path })).put(randomBytes(10));
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(join(path, hash.slice(0, 2))).mode & 0o777, 0o700);
  assert.equal(statSync(fileOf(path, hash)).mode & 0o777, 0o600);
});

test('refuses an object that was changed on disk, and heals it when it is put again', async () => {
  const path = newFolder();
  const store = await openFileObjectStore({ path });
  const bytes = randomBytes(1000);
  const hash = await store.put(bytes);
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(500) ^ 1, 500);

  for (const content of [changed, bytes.subarray(1), Buffer.alloc(0)]) {
    writeFileSync(fileOf(path, hash), content);
    await assert.rejects(store.get(hash), { code: 'CORDON_OBJECT_CORRUPT' });
  }
  assert.equal(await store.put(bytes), hash);
  assert.deepEqual(Buffer.from(await store.get(hash)), bytes);
});

test('does not follow a link that stands where an object should', async () => {
  const path = newFolder();
  const store = await openFileObjectStore({ path });
  const secret = Buffer.from('secret');
  const outside = join(root, 'outside');
  writeFileSync(outside, secret);
  const hash = createHash('sha256').update(secret).digest('hex');
  mkdirSync(join(path, hash.slice(0, 2)));
  symlinkSync(outside, fileOf(path, hash));
  await assert.rejects(store.get(hash), { code: 'CORDON_STORE_FAILED' });
});

test('says that the folder cannot be made', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  await assert.rejects(openFileObjectStore({ path: join(file, 'objects') }), { code: 'CORDON_STORE_FAILED' });
});

test('says that the disk is full, and works again when it is not', async (context) => {
  const path = newFolder();
  mkdirSync(path);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
  if (mounted.status !== 0) {
    context.skip('mounting a small file system needs root');
    return;
  }
  try {
    const store = await openFileObjectStore({ path });
    const kept = await store.put(randomBytes(600_000));
    await assert.rejects(store.put(randomBytes(600_000)), { code: 'CORDON_STORE_FULL' });
    assert.deepEqual(readdirSync(join(path, 'incoming')), []);
    assert.equal((await store.get(kept)).byteLength, 600_000);
    await store.delete(kept);
    const next = await store.put(randomBytes(600_000));
    assert.equal((await store.get(next)).byteLength, 600_000);
  } finally {
    spawnSync('umount', [path]);
  }
});
