import assert from 'node:assert/strict';
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
