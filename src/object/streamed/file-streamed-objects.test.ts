import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openFileStreamedObjects } from './file-streamed-objects.ts';
import { streamedObjectsContract } from './streamed-objects.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-streamed-'));
after(() => rmSync(root, { recursive: true, force: true }));

streamedObjectsContract('file', async () => {
  const path = join(root, 'contract');
  const open = () => openFileStreamedObjects({ path });
  return { objects: await open(), reopen: open };
});

test('files and folders are their owner’s alone, and links are not followed', async () => {
  const path = join(root, 'modes');
  const objects = await openFileStreamedObjects({ path });
  const sink = await objects.create();
  await sink.finish();
  await objects.keep(sink.name);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(join(path, sink.name.slice(0, 2))).mode & 0o777, 0o700);
  assert.equal(statSync(join(path, sink.name.slice(0, 2), sink.name)).mode & 0o777, 0o600);
  const link = 'a'.repeat(32);
  symlinkSync('/etc/passwd', join(path, 'incoming', link));
  await assert.rejects(objects.open(link), { code: 'CORDON_STORE_FAILED' });
});

test('an object of many blocks comes back byte by byte, into the memory that is given where it is large enough', async () => {
  const objects = await openFileStreamedObjects({ path: join(root, 'blocks') });
  const bytes = randomBytes(20 * 1024 * 1024 + 17);
  const sink = await objects.create();
  for (let start = 0; start < bytes.length; start += 99_991)
    await sink.write(bytes.subarray(start, start + 99_991));
  await sink.finish();
  const object = await objects.open(sink.name);
  assert.deepEqual(Buffer.from(await object.read(0, bytes.length)), bytes);
  const memory = new Uint8Array(1000);
  const within = await object.read(500, 1500, memory);
  assert.equal(within.buffer, memory.buffer);
  assert.deepEqual(Buffer.from(within), bytes.subarray(500, 1500));
  assert.notEqual((await object.read(500, 1501, memory)).buffer, memory.buffer);
  await object.close();
});
