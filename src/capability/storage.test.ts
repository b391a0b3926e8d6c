import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { eventPlaces } from '../events/index.ts';
import { callOf, openStored, serve } from './capability.fixture.ts';
import type { Answer, Stored } from './capability.fixture.ts';

let stored: Stored;
before(async () => {
  stored = await openStored();
});
after(() => stored.close());

const run = (
  capability: string,
  operation: string,
  args: unknown,
  body?: readonly Uint8Array[],
): Promise<Answer> =>
  serve(stored.storage.capabilities, callOf(capability, capability.toUpperCase(), operation, args), body);

async function filesIn(folder: string): Promise<string[]> {
  const found = await readdir(join(folder, 'streamed'), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test('arguments that are not what a capability takes are refused', async () => {
  for (const [capability, operation, args] of [
    ['kv', 'get', null],
    ['kv', 'get', { key: 5 }],
    ['kv', 'get', { key: 'k', more: true }],
    ['kv', 'put', { key: 'k', metadata: '{' }],
    ['kv', 'list', { limit: 0 }],
    ['bucket', 'get', { key: 'k', range: { offset: -1 } }],
    ['bucket', 'put', { key: 'k', checksums: { md5: 'x' } }],
    ['bucket', 'delete', { keys: [] }],
    ['queue', 'send', { messages: [{ contentType: 'x', bytes: 1 }] }],
    ['queue', 'send', { messages: [{ contentType: 'json', bytes: 1 }] }],
  ] as const)
    assert.equal(
      (await run(capability, operation, args)).error?.code,
      'CORDON_CALL_INVALID',
      JSON.stringify(args),
    );
  assert.equal((await run('kv', 'get', { key: 'k' })).error, null);
});

test('a crash between the bytes and the row leaves no file, and one between row and file loses nothing', async (t) => {
  const bytes = randomBytes(200_000);
  await run('bucket', 'put', { key: 'whole' }, [bytes]);
  const sink = await stored.objects.create();
  await sink.write(bytes);
  await sink.finish();
  const begun = await stored.objects.create();
  await begun.write(bytes);
  t.after(() => begun.abandon());
  // A row whose object was not kept yet.
  const [row] = await stored.store.query<{ object: string }>({
    sql: "select object from bucket_objects where key = 'whole'",
    parameters: [],
  });
  assert.ok(row !== undefined);
  const name = row.object;
  renameSync(
    join(stored.folder, 'streamed', name.slice(0, 2), name),
    join(stored.folder, 'streamed', 'incoming', name),
  );
  assert.equal((await filesIn(stored.folder)).length, 3);
  stored = await stored.reopen();
  assert.deepEqual(await filesIn(stored.folder), [name]);
  assert.deepEqual((await run('bucket', 'get', { key: 'whole' })).body, bytes);
});

test('files of what was deleted go at the next start when a crash kept them', async () => {
  await run('bucket', 'put', { key: 'gone' }, [randomBytes(100_000)]);
  const before = (await filesIn(stored.folder)).length;
  // What the commit of a delete does, without what follows it.
  await stored.store.commit([
    {
      sql: "insert into released_objects select object from bucket_objects where key = 'gone'",
      parameters: [],
    },
    { sql: "delete from bucket_objects where key = 'gone'", parameters: [] },
  ]);
  stored = await stored.reopen();
  assert.equal((await filesIn(stored.folder)).length, before - 1);
});

test('values that were moved to another key, or changed, do not open', async () => {
  await run('kv', 'put', { key: 'mine' }, [Buffer.from('secret')]);
  await stored.store.commit([{ sql: "update kv set key = 'yours' where key = 'mine'", parameters: [] }]);
  const moved = await run('kv', 'get', { key: 'yours' });
  assert.equal(moved.error?.code, 'CORDON_INTERNAL');
  await run('bucket', 'put', { key: 'mine' }, [randomBytes(100_000)]);
  await stored.store.commit([
    { sql: "update bucket_objects set key = 'yours' where key = 'mine'", parameters: [] },
  ]);
  assert.equal((await run('bucket', 'get', { key: 'yours' })).error?.code, 'CORDON_INTERNAL');
  await stored.store.commit([
    { sql: "delete from kv where key = 'yours'", parameters: [] },
    { sql: "delete from bucket_objects where key = 'yours'", parameters: [] },
  ]);
});

test('keys rotate: everything is sealed anew, read all the same, and the old key can go', async () => {
  const large = randomBytes(150_000);
  await run('kv', 'put', { key: 'small', metadata: '{"m":1}' }, [Buffer.from('small')]);
  await run('kv', 'put', { key: 'large' }, [large]);
  await run('bucket', 'put', { key: 'small', customMetadata: { c: 'd' } }, [Buffer.from('small')]);
  await run('bucket', 'put', { key: 'large' }, [large]);
  await run('queue', 'send', { messages: [{ contentType: 'text', bytes: 4 }] }, [Buffer.from('body')]);
  await stored.vault.rotateDataKey('default');
  const places = [
    ...stored.storage.sealedPlaces(stored.vault),
    ...eventPlaces(stored.store, stored.vault, 'default'),
  ];
  const first = await stored.vault.reseal('default', places);
  assert.equal(
    first.reduce((sum, { broken }) => sum + broken, 0),
    0,
  );
  assert.ok(
    first.every(({ rewritten, seen }) => rewritten === seen),
    JSON.stringify(first),
  );
  assert.deepEqual(first.flatMap(({ place, seen }) => (seen > 0 ? [place] : [])).toSorted(), [
    'bucket_objects.detail',
    'bucket_objects.object',
    'bucket_objects.value',
    'event_signing_keys.key',
    'events.envelope',
    'kv.metadata',
    'kv.object',
    'kv.value',
  ]);
  for (const reopened of [false, true]) {
    if (reopened) stored = await stored.reopen();
    assert.equal((await run('kv', 'get', { key: 'small', metadata: true })).body.toString(), 'small');
    assert.deepEqual((await run('kv', 'get', { key: 'large' })).body, large);
    assert.deepEqual((await run('bucket', 'get', { key: 'large' })).body, large);
    assert.equal((await run('bucket', 'get', { key: 'small' })).body.toString(), 'small');
  }
});

test('a full disk is said to the guest, and leaves what was there and nothing half-written', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-full-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status !== 0) {
    await rm(folder, { recursive: true });
    t.skip('A file system of a given size cannot be mounted here.');
    return;
  }
  const small = await openStored(folder);
  try {
    const call = (
      capability: string,
      operation: string,
      args: unknown,
      body?: readonly Uint8Array[],
    ): Promise<Answer> =>
      serve(small.storage.capabilities, callOf(capability, capability.toUpperCase(), operation, args), body);
    const piece = new Uint8Array(65_536);
    await call('bucket', 'put', { key: 'k' }, [Buffer.from('old')]);
    await call('kv', 'put', { key: 'k' }, [Buffer.from('old')]);
    for (const capability of ['bucket', 'kv']) {
      const full = await call(
        capability,
        'put',
        { key: 'k' },
        Array.from({ length: 100 }, () => piece),
      );
      assert.equal(full.error?.code, 'CORDON_STORE_FULL');
      assert.ok(!full.error.message.includes(folder), full.error.message);
      assert.equal((await call(capability, 'get', { key: 'k' })).body.toString(), 'old');
    }
    assert.deepEqual(await filesIn(folder), []);
    assert.equal((await call('bucket', 'put', { key: 'k' }, [piece, piece])).error, null);
  } finally {
    await small.close();
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true, force: true });
  }
});

test('an object whose file cannot be moved once its row is there is kept all the same', async (context) => {
  const bytes = randomBytes(200_000);
  const keep = context.mock.method(stored.objects, 'keep', () =>
    Promise.reject(new CordonError('CORDON_STORE_FULL')),
  );
  assert.equal((await run('bucket', 'put', { key: 'unmoved' }, [bytes])).error, null);
  assert.equal((await run('kv', 'put', { key: 'unmoved' }, [bytes])).error, null);
  keep.mock.restore();
  for (const reopened of [false, true]) {
    if (reopened) stored = await stored.reopen();
    for (const capability of ['bucket', 'kv'])
      assert.deepEqual(Buffer.from((await run(capability, 'get', { key: 'unmoved' })).body), bytes);
  }
});
