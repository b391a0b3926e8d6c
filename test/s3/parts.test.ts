/** Objects that the SDK sends in parts, while the server is killed and keys are revoked. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import { codeOf, MIB } from '../../src/s3/s3.fixture.ts';
import { ServerProcess } from '../../tools/server-process.ts';
import { usePlatform } from '../e2e/platform.ts';
import { clientOf, makeKey, presign, signForm, type PostForm } from './server.fixture.ts';

const Bucket = 'videos';
const PART_BYTES = 10 * MIB;
const PARTS = 10;

let s3: S3Client;
const platform = usePlatform([], [], async ({ home, server }) => {
  s3 = clientOf(server, await makeKey(home, { buckets: [Bucket] }));
});
after(() => s3.destroy());

const begin = async (Key: string): Promise<string | undefined> =>
  (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId;

async function sendPart(
  client: S3Client,
  upload: { readonly Key: string; readonly UploadId: string | undefined },
  PartNumber: number,
  Body: Uint8Array,
): Promise<CompletedPart> {
  const part = new UploadPartCommand({ Bucket, ...upload, PartNumber, Body });
  const { ETag, ChecksumCRC32 } = await client.send(part);
  return { PartNumber, ETag, ChecksumCRC32 };
}

/** The files of objects and parts that the server keeps. */
async function keptFiles(): Promise<number> {
  const folder = join(platform().home.dataDirectory, 'streamed');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

/** The bytes, in the middle of which the server dies. */
async function* killingAfter(bytes: Buffer): AsyncGenerator<Buffer> {
  const middle = bytes.length / 2;
  for (let at = 0; at < bytes.length; at += MIB) {
    if (at === middle) await platform().server.kill();
    yield bytes.subarray(at, at + MIB);
  }
}

test('an object of 100 MB in parts is whole although the server is killed in the middle', async () => {
  const Key = 'film.bin';
  const bytes = randomBytes(PART_BYTES * PARTS);
  const partOf = (number: number): Buffer => bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES);
  const UploadId = await begin(Key);
  const upload = { Key, UploadId };
  const numbers = Array.from({ length: PARTS }, (_, index) => index + 1);
  const [before, later] = [numbers.slice(0, PARTS / 2), numbers.slice(PARTS / 2)];
  const sent = await Promise.all(before.map((number) => sendPart(s3, upload, number, partOf(number))));
  const cut = Readable.from(killingAfter(partOf(PARTS)), { objectMode: false });
  const part = { ...upload, Bucket, PartNumber: PARTS, Body: cut, ContentLength: PART_BYTES };
  assert.notEqual(await codeOf(s3.send(new UploadPartCommand(part))), 'accepted');
  platform().server = await ServerProcess.start(platform().home, { after: platform().server });
  const { Parts = [] } = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
  assert.deepEqual(
    Parts.map(({ PartNumber, ETag, ChecksumCRC32, Size }) => [PartNumber, ETag, ChecksumCRC32, Size]),
    sent.map(({ PartNumber, ETag, ChecksumCRC32 }) => [PartNumber, ETag, ChecksumCRC32, PART_BYTES]),
  );
  const rest = await Promise.all(later.map((number) => sendPart(s3, upload, number, partOf(number))));
  assert.equal(await codeOf(s3.send(new HeadObjectCommand({ Bucket, Key }))), 'NotFound');
  const MultipartUpload = { Parts: [...sent, ...rest] };
  await s3.send(new CompleteMultipartUploadCommand({ ...upload, Bucket, MultipartUpload }));
  const { Body, ETag } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const hash = createHash('sha256');
  for await (const chunk of Body as AsyncIterable<Buffer>) hash.update(chunk);
  assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
  const digests = numbers.map((number) => createHash('md5').update(partOf(number)).digest());
  const whole = createHash('md5').update(Buffer.concat(digests)).digest('hex');
  assert.equal(ETag, `"${whole}-${PARTS}"`);
  // Nothing is left of the part that was cut, nor of those that became the object.
  assert.equal(await keptFiles(), 1);
});

test('an upload that is aborted leaves neither an object nor a file, and takes no further part', async () => {
  const files = await keptFiles();
  const upload = { Key: 'aborted.bin', UploadId: await begin('aborted.bin') };
  const Parts = [await sendPart(s3, upload, 1, Buffer.alloc(5 * MIB, 'a'))];
  assert.equal(await keptFiles(), files + 1);
  await s3.send(new AbortMultipartUploadCommand({ Bucket, ...upload }));
  assert.equal(await codeOf(sendPart(s3, upload, 2, Buffer.from('b'))), 'NoSuchUpload');
  const complete = new CompleteMultipartUploadCommand({ Bucket, ...upload, MultipartUpload: { Parts } });
  assert.equal(await codeOf(s3.send(complete)), 'NoSuchUpload');
  assert.equal(await codeOf(s3.send(new AbortMultipartUploadCommand({ Bucket, ...upload }))), 'NoSuchUpload');
  const { KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'aborted' }));
  assert.equal(KeyCount, 0);
  assert.equal(await keptFiles(), files);
});

/** Sends a form as a page does. Returns the status of the answer. */
async function submit({ url, fields }: PostForm): Promise<number> {
  const form = new FormData();
  for (const { name, value } of [...fields, { name: 'content-type', value: 'image/png' }])
    form.append(name, value);
  form.append('file', new Blob(['by form']), 'form.png');
  return (await fetch(url, { method: 'POST', body: form })).status;
}

test('a key that is revoked in the middle of an upload is refused at once, with all that it signed', async () => {
  const { home, server } = platform();
  const key = await makeKey(home, { buckets: [Bucket], prefix: 'revoked/' });
  const client = clientOf(server, key);
  const upload = { Key: 'revoked/a.bin', UploadId: await begin('revoked/a.bin') };
  await sendPart(client, upload, 1, Buffer.alloc(5 * MIB, 'a'));
  const url = await presign(home, 'PUT', `${Bucket}/revoked/b.bin`, key);
  assert.equal((await fetch(url, { method: 'PUT', body: 'b' })).status, 200);
  const form = await signForm(home, `${Bucket}/revoked/`, 100, key);
  assert.equal(await submit(form), 204);
  await home.json('access-key', 'revoke', key.accessKeyId);
  const put = new PutObjectCommand({ Bucket, Key: 'revoked/c.bin', Body: 'c' });
  const codes = [
    await codeOf(sendPart(client, upload, 2, Buffer.from('b'))),
    await codeOf(client.send(put)),
    await codeOf(client.send(new AbortMultipartUploadCommand({ Bucket, ...upload }))),
    String((await fetch(url, { method: 'PUT', body: 'changed' })).status),
  ];
  assert.equal(await submit(form), 403);
  assert.deepEqual(codes, ['InvalidAccessKeyId', 'InvalidAccessKeyId', 'InvalidAccessKeyId', '403']);
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'revoked/' }));
  assert.equal(Uploads.length, 1);
  const kept = await s3.send(new GetObjectCommand({ Bucket, Key: 'revoked/b.bin' }));
  assert.equal(await kept.Body?.transformToString(), 'b');
  await s3.send(new AbortMultipartUploadCommand({ Bucket, ...upload }));
  client.destroy();
});
