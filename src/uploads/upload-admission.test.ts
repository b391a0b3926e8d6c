import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { CONTEXT, callOf, openStored, serve } from '../capability/capability.fixture.ts';
import type { Stored } from '../capability/capability.fixture.ts';
import { openStorageCapabilities } from '../capability/index.ts';
import type { StorageCapabilities } from '../capability/index.ts';
import { CordonError, LIMITS } from '../contract/index.ts';
import { SourceTable } from '../events/index.ts';
import type { SecurityEvent } from '../evidence/index.ts';
import { directRoom, gif, png } from '../inspection/inspection.fixture.ts';
import { Inspector } from '../inspection/index.ts';
import type { InspectionRoom } from '../inspection/index.ts';
import { NO_AUTH, NO_GRANTS } from '../manifest/index.ts';
import type { Manifest, UploadSource } from '../manifest/index.ts';
import { UploadAdmission } from './index.ts';

const BUCKET = { project: 'default', bucket: 'bucket' };
const CONSUMERS = ['thumbnail', 'index'];

let stored: Stored;
let storage: StorageCapabilities;
let sources = SourceTable.EMPTY;
let run: InspectionRoom['run'] = (bundle, task) => directRoom.run(bundle, task);
let recorded: Omit<SecurityEvent, 'time'>[] = [];
let time = Date.now();

async function open(): Promise<void> {
  const room = { run: (...task: Parameters<InspectionRoom['run']>) => run(...task) };
  const evidence = {
    ...stored.evidence,
    record: (event: Omit<SecurityEvent, 'time'>) => void recorded.push(event),
  };
  const clock = { ...stored.clock, now: () => time };
  const inspector = await Inspector.open({ room });
  const admission = new UploadAdmission({
    sources: () => sources,
    events: stored.events,
    inspector,
    evidence,
    clock,
  });
  storage = await openStorageCapabilities({ ...stored, evidence, clock }, { admission });
}

before(async () => {
  stored = await openStored();
  await open();
});
beforeEach(() => {
  recorded = [];
  run = (bundle, task) => directRoom.run(bundle, task);
});
after(async () => {
  await storage.close();
  await stored.close();
});

const DELIVERY = { attempts: 5, backoffMs: 1000, backoffMsMax: 300_000, quota: null };

/** Functions that listen to the bucket, each with one source. */
function listen(...wanted: readonly Partial<UploadSource>[]): void {
  const functions = wanted.map((source, index): Manifest['functions'][number] => ({
    name: CONSUMERS[index] ?? 'f',
    entry: 'a.ts',
    routes: [],
    sources: [
      {
        kind: 'upload',
        bucket: 'bucket',
        prefix: 'in/',
        types: null,
        bytesMax: null,
        ...DELIVERY,
        ...source,
      },
    ],
    vars: {},
    grants: NO_GRANTS,
    limits: { timeMs: 1, memoryBytes: 1, concurrency: 1, instances: 1, bodyBytes: 1, responseBytes: 1 },
  }));
  sources = SourceTable.of([{ name: 'shop', hosts: [], auth: NO_AUTH, files: {}, functions }]);
}

async function put(
  key: string,
  bytes: Uint8Array,
  hops = 0,
  contentType?: string,
): Promise<CordonError | null> {
  const args = { key, ...(contentType === undefined ? {} : { httpMetadata: { contentType } }) };
  const call = { ...callOf('bucket', 'BUCKET', 'put', args), hops };
  return (await serve(storage.capabilities, call, [bytes], CONTEXT)).error;
}

const isThere = async (key: string): Promise<boolean> =>
  (await storage.objects.head({ ...BUCKET, key })) !== null;
const aside = () => storage.rejected.list('default', null, 100);
const waiting = () => stored.events.lanes().reduce((sum, { waiting: count }) => sum + count, 0);

async function files(): Promise<number> {
  const found = await readdir(join(stored.folder, 'streamed'), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).length;
}

test('an object that passes is visible together with an event for each function that listens', async () => {
  listen({ types: ['image/*'] }, { prefix: '' });
  assert.equal(await put('in/a.png', png(), 3, 'image/png'), null);
  const object = await storage.objects.head({ ...BUCKET, key: 'in/a.png' });
  for (const name of CONSUMERS) {
    const prefix = name === 'index' ? '' : 'in/';
    const lane = `upload:bucket/${prefix}>shop/${name}`;
    const [claimed] = await stored.events.claim('default', lane, {
      limit: 9,
      bytesMax: 1e6,
      leaseMs: 1e5,
      ordered: false,
    });
    assert.ok(claimed !== undefined);
    const { type, source, subject, datacontenttype } = claimed.event.attributes;
    assert.deepEqual(
      [type, source, subject, datacontenttype, claimed.hops],
      ['cordon.object.created', '/buckets/bucket', 'in/a.png', 'application/json', 4],
    );
    assert.deepEqual(JSON.parse(Buffer.from(claimed.event.data ?? '').toString()), {
      ...{ bucket: 'bucket', key: 'in/a.png', size: png().length, type: 'image/png' },
      ...{ etag: object?.detail.etag, version: object?.version },
    });
    await stored.events.settle([{ event: claimed, outcome: { kind: 'done' } }]);
  }
  assert.deepEqual(recorded, []);
});

test('an object that is rejected is not visible, sets nothing off, and is kept aside with what was found', async () => {
  listen({ types: ['image/*'] });
  const bytes = Buffer.concat([gif(), Buffer.from('<script>alert(1)</script>'), randomBytes(100_000)]);
  const error = await put('in/a.gif', bytes, 0, 'image/gif');
  assert.equal(error?.code, 'CORDON_UPLOAD_TYPE_REFUSED');
  assert.doesNotMatch(error.message, /script|markup|polyglot/);
  assert.deepEqual([await isThere('in/a.gif'), waiting()], [false, 0]);
  const [kept] = await aside();
  assert.ok(kept !== undefined);
  assert.deepEqual(
    [kept.key, kept.reason, kept.actor, kept.size],
    ['in/a.gif', 'polyglot', 'app/f', bytes.length],
  );
  assert.match(kept.note, /image\/gif with HTML/);
  assert.equal(kept.detail.httpMetadata.contentType, 'image/gif');
  assert.deepEqual(
    recorded.map(({ kind, severity, reason }) => [kind, severity, reason]),
    [['upload.rejected', 'medium', 'polyglot']],
  );
  // It outlives a restart, and comes out in pieces.
  await storage.close();
  stored = await stored.reopen();
  await open();
  const pieces = [
    await storage.rejected.read('default', kept.id, 0, 70_000),
    await storage.rejected.read('default', kept.id, 70_000, 1e9),
  ];
  assert.deepEqual(Buffer.concat(pieces.map((piece) => piece ?? Buffer.of())), bytes);
  assert.deepEqual(await storage.rejected.read('default', kept.id, 1e9, 2e9), new Uint8Array(0));
  assert.equal(await storage.rejected.read('other', kept.id, 0, 1), null);
  assert.equal(await storage.rejected.delete('other', kept.id), false);
  assert.equal(await storage.rejected.delete('default', kept.id), true);
  assert.equal(await storage.rejected.delete('default', kept.id), false);
  assert.equal(await storage.rejected.find('default', kept.id), null);
});

test('what is at the key already stays when its successor is rejected', async () => {
  listen({ types: ['image/*'] });
  assert.equal(await put('in/kept.png', png()), null);
  const before = await storage.objects.head({ ...BUCKET, key: 'in/kept.png' });
  assert.equal((await put('in/kept.png', Buffer.from('<html>')))?.code, 'CORDON_UPLOAD_TYPE_REFUSED');
  assert.deepEqual(await storage.objects.head({ ...BUCKET, key: 'in/kept.png' }), before);
});

test('the rules of every source have to hold, and keys that no source is about go in as they are', async () => {
  listen({ types: ['image/*'] }, { types: ['image/jpeg'] });
  assert.equal((await put('in/b.png', png()))?.code, 'CORDON_UPLOAD_TYPE_REFUSED');
  listen({ types: ['image/*'] }, { types: ['image/jpeg', 'image/png'] });
  assert.equal(await put('in/b.png', png()), null);
  const before = waiting();
  assert.equal(await put('out/b.png', Buffer.from('<html>')), null);
  assert.equal(waiting(), before);
});

test('an upload of the largest size passes, and one byte more is refused before it is stored', async () => {
  listen({ bytesMax: 70_000 });
  const [before, kept] = [await files(), (await aside()).length];
  assert.equal(await put('in/large', Buffer.alloc(70_000, 97)), null);
  assert.equal((await put('in/larger', Buffer.alloc(70_001, 97)))?.code, 'CORDON_UPLOAD_TOO_LARGE');
  assert.deepEqual([await files(), (await aside()).length], [before + 1, kept]);
  assert.equal(recorded[0]?.reason, 'too-large');
});

test('a chain that is too long is refused where a function listens, and only there', async () => {
  listen({});
  const hops = LIMITS.eventHopsMax.value;
  assert.equal(await put('in/hops', Buffer.from('x'), hops - 1), null);
  assert.equal((await put('in/more', Buffer.from('x'), hops))?.code, 'CORDON_EVENT_HOPS');
  assert.equal(await isThere('in/more'), false);
  assert.deepEqual(
    recorded.map(({ kind }) => kind),
    ['event.loop'],
  );
  assert.equal(await put('out/more', Buffer.from('x'), hops), null);
});

test('what cannot be checked is refused, and nothing of it is kept', async () => {
  listen({});
  const [before, kept] = [await files(), (await aside()).length];
  run = () => Promise.reject(new CordonError('CORDON_SANDBOX_FAILED'));
  assert.equal((await put('in/unchecked', Buffer.alloc(80_000)))?.code, 'CORDON_UPLOAD_UNCHECKED');
  assert.deepEqual(
    [await isThere('in/unchecked'), await files(), (await aside()).length],
    [false, before, kept],
  );
  assert.deepEqual(
    recorded.map(({ kind, severity }) => [kind, severity]),
    [['platform.degraded', 'high']],
  );
});

test('as many uploads as the limit are inspected at once, and one more waits for its turn', async () => {
  listen({});
  const most = LIMITS.uploadInspectionsMax.value;
  const gate = Promise.withResolvers<void>();
  const full = Promise.withResolvers<void>();
  let inside = 0;
  run = async (bundle, task) => {
    inside += 1;
    if (inside === most) full.resolve();
    await gate.promise;
    return directRoom.run(bundle, task);
  };
  const all = Array.from({ length: most + 1 }, (_, index) => put(`in/at-once-${index}`, Buffer.from('x')));
  await full.promise;
  assert.equal(inside, most);
  gate.resolve();
  assert.ok((await Promise.all(all)).every((refused) => refused === null));
});

test('a commit that fails leaves neither object nor event nor file, and no place taken', async (t) => {
  listen({});
  const [before, events] = [await files(), waiting()];
  const commit = t.mock.method(stored.store, 'commit', () =>
    Promise.reject(new CordonError('CORDON_STORE_FULL')),
  );
  assert.equal((await put('in/lost', Buffer.alloc(80_000, 97)))?.code, 'CORDON_STORE_FULL');
  assert.deepEqual([await isThere('in/lost'), await files(), waiting()], [false, before, events]);
  commit.mock.restore();
  assert.equal(await put('in/lost', Buffer.alloc(80_000, 97)), null);
  assert.deepEqual([await files(), waiting()], [before + 1, events + 1]);
});

test('a condition that fails sets nothing off', async () => {
  listen({});
  assert.equal(await put('in/once', Buffer.from('1')), null);
  const events = waiting();
  const args = { key: 'in/once', onlyIf: { etagDoesNotMatch: ['*'] } };
  await serve(storage.capabilities, callOf('bucket', 'BUCKET', 'put', args), [Buffer.from('2')]);
  assert.equal(waiting(), events);
});

test('what is aside goes after its time, is sealed anew with the rest, and is bounded', async () => {
  listen({ types: ['image/png'] });
  await storage.rejected.sweep();
  for (const { id } of await aside()) await storage.rejected.delete('default', id);
  const large = randomBytes(100_000);
  await put('in/small', Buffer.from('text'));
  await put('in/large', large);
  await stored.vault.rotateDataKey('default');
  const progress = await stored.vault.reseal('default', storage.sealedPlaces(stored.vault));
  for (const place of ['rejected_objects.value', 'rejected_objects.detail', 'rejected_objects.object']) {
    const found = progress.find((entry) => entry.place === place);
    assert.deepEqual([found?.broken, (found?.rewritten ?? 0) > 0], [0, true], place);
  }
  const kept = (await aside()).find(({ key }) => key === 'in/large');
  const read = await storage.rejected.read('default', kept?.id ?? '', 0, 1e9);
  assert.ok(large.equals(read ?? new Uint8Array()), 'what was kept is what came');
  // As many rows as may be there.
  const more = LIMITS.rejectedObjectsMax.value - 3;
  await stored.store.commit([
    {
      sql: `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${more})
        insert into rejected_objects select 'n' || i, project, bucket, key, 'n' || i, value, null, 1, detail, reason, actor, rejected_at
        from n, rejected_objects where key = 'in/small'`,
      parameters: [],
    },
  ]);
  const count = async (): Promise<unknown> =>
    (
      await stored.store.query<{ n: number }>({
        sql: 'select count(*) as n from rejected_objects',
        parameters: [],
      })
    )[0]?.n;
  assert.equal((await put('in/last', Buffer.from('text')))?.code, 'CORDON_UPLOAD_TYPE_REFUSED');
  assert.equal(await count(), LIMITS.rejectedObjectsMax.value);
  const before = await files();
  assert.equal((await put('in/beyond', large))?.code, 'CORDON_UPLOAD_TYPE_REFUSED');
  assert.deepEqual([await count(), await files()], [LIMITS.rejectedObjectsMax.value, before]);
  time += LIMITS.rejectedRetentionMs.value - 10_000;
  assert.equal(await storage.rejected.sweep(), 0);
  time += 3_600_000;
  assert.equal(await storage.rejected.sweep(), LIMITS.rejectedObjectsMax.value);
  assert.equal(await count(), 0);
});
