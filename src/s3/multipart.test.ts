import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { openStored } from '../capability/capability.fixture.ts';
import { openStorageCapabilities } from '../capability/index.ts';
import { LIMITS } from '../contract/index.ts';
import type { StreamedObjects } from '../object/index.ts';
import { openEndpoint, codeOf, PROJECT } from './s3.fixture.ts';
import type { TestEndpoint } from './s3.fixture.ts';

const PART_BYTES = 100_000;
let endpoint: TestEndpoint;
before(async () => {
  endpoint = await openEndpoint({ limits: { partBytesMin: PART_BYTES } });
});
after(() => endpoint.close());

const Bucket = 'photos';
const begin = async (Key: string, more: object = {}): Promise<string> => {
  const begun = await endpoint.client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
  return begun.UploadId ?? '';
};
const part = async (
  Key: string,
  UploadId: string,
  PartNumber: number,
  Body: Uint8Array,
  more: object = {},
): Promise<CompletedPart> => {
  const named = { Bucket, Key, UploadId, PartNumber, Body, ...more };
  const { ETag, ChecksumCRC32 } = await endpoint.client.send(new UploadPartCommand(named));
  return { PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
};
const complete = (Key: string, UploadId: string, Parts: readonly CompletedPart[], more: object = {}) =>
  endpoint.client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: [...Parts] },
      ...more,
    }),
  );
const bytesOf = async (Key: string): Promise<Buffer> => {
  const { Body } = await endpoint.client.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};
const partsThere = async (): Promise<number> => {
  const rows = await endpoint.stored.store.query({
    sql: 'select count(*) as n from multipart_parts',
    parameters: [],
  });
  return Number(rows[0]?.['n']);
};

test('parts in any order, one sent anew, become one object with the ETag of S3', async () => {
  const [one, two, three] = [randomBytes(PART_BYTES), randomBytes(PART_BYTES + 7), randomBytes(10)];
  const id = await begin('whole', { ContentType: 'image/png', Metadata: { a: '1' } });
  const third = await part('whole', id, 30, three);
  const first = await part('whole', id, 1, one);
  await part('whole', id, 2, randomBytes(PART_BYTES));
  const second = await part('whole', id, 2, two);
  assert.equal(await codeOf(bytesOf('whole')), 'NoSuchKey');
  const listed = await endpoint.client.send(
    new ListPartsCommand({ Bucket, Key: 'whole', UploadId: id, MaxParts: 2 }),
  );
  assert.deepEqual(
    listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
    [
      [1, PART_BYTES],
      [2, PART_BYTES + 7],
    ],
  );
  assert.deepEqual([listed.IsTruncated, listed.NextPartNumberMarker], [true, '2']);
  const done = await complete('whole', id, [first, second, third]);
  const digests = [one, two, three].map((bytes) => createHash('md5').update(bytes).digest());
  const etag = `"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-3"`;
  assert.equal(done.ETag, etag);
  assert.ok((await bytesOf('whole')).equals(Buffer.concat([one, two, three])));
  const head = await endpoint.client.send(new HeadObjectCommand({ Bucket, Key: 'whole' }));
  assert.deepEqual([head.ETag, head.ContentType, head.Metadata], [etag, 'image/png', { a: '1' }]);
  assert.equal(await codeOf(complete('whole', id, [first])), 'NoSuchUpload');
  assert.equal(await partsThere(), 0);
});

test('the checksum of a whole is that of its parts, or of its bytes where it was begun so', async () => {
  const [one, two] = [randomBytes(PART_BYTES), randomBytes(10)];
  const big = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const composite = await begin('composite', { ChecksumAlgorithm: 'CRC32' });
  const parts = [await part('composite', composite, 1, one), await part('composite', composite, 2, two)];
  const done = await complete('composite', composite, parts);
  const of = crc32(Buffer.concat([big(crc32(one)), big(crc32(two))]));
  assert.equal(done.ChecksumCRC32, `${big(of).toString('base64')}-2`);
  assert.equal(done.ChecksumType, 'COMPOSITE');
  const full = await begin('full', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
  const again = [await part('full', full, 1, one), await part('full', full, 2, two)];
  const checksum = big(crc32(Buffer.concat([one, two]))).toString('base64');
  assert.equal(await codeOf(complete('full', full, again, { ChecksumCRC32: 'AAAAAA==' })), 'BadDigest');
  assert.equal(await codeOf(bytesOf('full')), 'NoSuchKey');
  const whole = await complete('full', full, again, { ChecksumCRC32: checksum });
  assert.equal(whole.ChecksumCRC32, checksum);
  const sha = { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' };
  assert.equal(await codeOf(begin('sha', sha)), 'InvalidRequest');
});

test('parts that are small, unknown, changed or out of order are refused, and nothing appears', async () => {
  const id = await begin('strict');
  const small = await part('strict', id, 1, randomBytes(PART_BYTES - 1));
  const last = await part('strict', id, 2, randomBytes(PART_BYTES));
  assert.equal(await codeOf(complete('strict', id, [small, last])), 'EntityTooSmall');
  assert.equal(await codeOf(complete('strict', id, [last, small])), 'InvalidPartOrder');
  assert.equal(await codeOf(complete('strict', id, [{ ...last, PartNumber: 3 }])), 'InvalidPart');
  assert.equal(await codeOf(complete('strict', id, [{ ...last, ETag: small.ETag }])), 'InvalidPart');
  assert.equal(await codeOf(complete('strict', id, [])), 'MalformedXML');
  assert.equal(await codeOf(part('strict', id, 10_001, Buffer.from('x'))), 'InvalidArgument');
  assert.equal(await codeOf(part('strict', id, 0, Buffer.from('x'))), 'InvalidArgument');
  assert.equal(await codeOf(part('strict', id, 10_000, Buffer.from('x'))), 'accepted');
  assert.equal(await codeOf(part('other', id, 1, Buffer.from('x'))), 'NoSuchUpload');
  assert.equal(await codeOf(bytesOf('strict')), 'NoSuchKey');
  const exact = await part('strict', id, 1, randomBytes(PART_BYTES));
  assert.equal(await codeOf(complete('strict', id, [exact, last])), 'accepted');
});

test('a part is copied from a range of an object', async () => {
  const source = randomBytes(2 * PART_BYTES);
  await endpoint.client.send(new PutObjectCommand({ Bucket: 'papers', Key: 'source', Body: source }));
  const id = await begin('copied');
  const copy = async (PartNumber: number, CopySourceRange: string) => {
    const named = { Bucket, Key: 'copied', UploadId: id, PartNumber, CopySource: 'papers/source' };
    const { CopyPartResult } = await endpoint.client.send(
      new UploadPartCopyCommand({ ...named, CopySourceRange }),
    );
    return { PartNumber, ETag: CopyPartResult?.ETag };
  };
  const first = await copy(1, `bytes=5-${PART_BYTES + 4}`);
  const second = await copy(2, 'bytes=0-9');
  assert.equal(await codeOf(copy(3, `bytes=0-${2 * PART_BYTES}`)), 'InvalidRange');
  await complete('copied', id, [first, second]);
  const expected = Buffer.concat([source.subarray(5, PART_BYTES + 5), source.subarray(0, 10)]);
  assert.ok((await bytesOf('copied')).equals(expected));
});

test('an upload that is aborted leaves nothing, and those that are open are listed', async () => {
  const ids = [await begin('open/a'), await begin('open/a'), await begin('open/b')];
  await part('open/b', ids[2] ?? '', 1, randomBytes(PART_BYTES));
  const list = (more: object = {}) =>
    endpoint.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'open/', ...more }));
  const first = await list({ MaxUploads: 1 });
  const rest = await list({
    KeyMarker: first.NextKeyMarker ?? '',
    UploadIdMarker: first.NextUploadIdMarker ?? '',
  });
  const found = [...(first.Uploads ?? []), ...(rest.Uploads ?? [])];
  assert.deepEqual(new Set(found.map(({ UploadId }) => UploadId)), new Set(ids));
  for (const { Key, UploadId } of found)
    await endpoint.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  assert.equal((await list()).Uploads, undefined);
  assert.equal(await codeOf(part('open/b', ids[2] ?? '', 2, Buffer.from('x'))), 'NoSuchUpload');
  assert.equal(await partsThere(), 0);
});

test('an upload that nobody finishes is removed after its time, not before', async () => {
  const { uploads } = endpoint.stored.storage;
  const id = await begin('stale');
  await part('stale', id, 1, randomBytes(PART_BYTES));
  const found = await uploads.find({ project: PROJECT, bucket: Bucket, key: 'stale' }, id);
  assert.ok(found !== null);
  const end = found.created + LIMITS.s3UploadOpenMs.value;
  await uploads.sweep(end - 1);
  assert.notEqual(await uploads.find(found, id), null);
  await uploads.sweep(end);
  assert.equal(await uploads.find(found, id), null);
  assert.equal(await partsThere(), 0);
});

test('a part whose file was not marked as kept before a crash is there afterwards', async () => {
  const first = await openStored();
  const { objects } = first;
  const crashing: StreamedObjects = {
    create: () => objects.create(),
    open: (name) => objects.open(name),
    keep: () => Promise.resolve(),
    delete: (name) => objects.delete(name),
    recover: (known) => objects.recover(known),
  };
  const storage = await openStorageCapabilities({ ...first, objects: crashing });
  const bytes = randomBytes(PART_BYTES);
  const place = { project: PROJECT, bucket: Bucket, key: 'crash' };
  const detail = { httpMetadata: {}, customMetadata: {}, checksum: null };
  const id = await storage.uploads.create(place, detail);
  const upload = await storage.uploads.find(place, id);
  assert.ok(upload !== null);
  const stored = await storage.uploads.putPart(upload, 1, Readable.from([bytes]), {
    bytesMax: PART_BYTES,
    tooLarge: () => assert.fail(),
    detail: () => ({ md5: '', checksum: null }),
  });
  assert.ok(stored !== null);
  await storage.close();
  const second = await first.reopen();
  const read = await Array.fromAsync(second.storage.uploads.read(upload, stored));
  assert.ok(Buffer.concat(read).equals(bytes));
  await second.close();
});

test('parts that wait are sealed anew when keys rotate, and put together afterwards', async () => {
  const { storage, vault } = endpoint.stored;
  const [large, small] = [randomBytes(PART_BYTES), randomBytes(10)];
  const id = await begin('rotated', { Metadata: { a: '1' } });
  const parts = [await part('rotated', id, 1, large), await part('rotated', id, 2, small)];
  await vault.rotateDataKey(PROJECT);
  const progress = await vault.reseal(PROJECT, storage.sealedPlaces(vault));
  assert.ok(progress.every(({ rewritten, seen, broken }) => rewritten === seen && broken === 0));
  const seen = new Set(progress.flatMap(({ place, seen: count }) => (count > 0 ? [place] : [])));
  for (const place of ['uploads.detail', 'parts.detail', 'parts.value', 'parts.object'])
    assert.ok(seen.has(`multipart_${place}`), place);
  await complete('rotated', id, parts);
  assert.ok((await bytesOf('rotated')).equals(Buffer.concat([large, small])));
});

test('many uploads that nobody finished are removed in one sweep', async () => {
  const { storage, store } = endpoint.stored;
  const many = LIMITS.s3UploadSweepBatchMax.value + 1;
  await store.commit([
    {
      sql: `with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
            insert into multipart_uploads (id, project, bucket, key, detail, created_at)
            select 'old' || i, 'other', 'full', 'k', x'00', 0 from n`,
      parameters: [many],
    },
  ]);
  assert.equal(await storage.uploads.sweep(LIMITS.s3UploadOpenMs.value), many);
  assert.equal(await storage.uploads.sweep(LIMITS.s3UploadOpenMs.value), 0);
});

test('more uploads than a project may have open are refused', async () => {
  const { store } = endpoint.stored;
  const most = LIMITS.s3UploadsOpenMax.value;
  const [open] = await store.query({ sql: 'select count(*) as n from multipart_uploads', parameters: [] });
  await store.commit([
    {
      sql: `with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
            insert into multipart_uploads (id, project, bucket, key, detail, created_at)
            select 'x' || i, 'default', 'full', 'k', x'00', ? from n`,
      parameters: [most - 1 - Number(open?.['n']), Date.now()],
    },
  ]);
  assert.equal(await codeOf(begin('last')), 'accepted');
  assert.equal(await codeOf(begin('too many')), 'SlowDown');
});
