/** The endpoint is killed again and again while objects are put, in one and in parts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

const KILLS = 8;
const PART_BYTES = 150_000;
const Bucket = 'photos';

interface Running {
  readonly child: ChildProcess;
  readonly client: S3Client;
}

async function start(folder: string): Promise<Running> {
  const program = join(import.meta.dirname, 'crashing-endpoint.ts');
  const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value } = await lines.next();
  const { url, ...credentials } = JSON.parse(String(value)) as {
    url: string;
    accessKeyId: string;
    secretAccessKey: string;
  };
  const settings = { endpoint: url, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 };
  return { child, client: new S3Client({ ...settings, credentials }) };
}

/** Puts the object in parts; true when it was acknowledged. */
async function putInParts(client: S3Client, Key: string, parts: readonly Buffer[]): Promise<boolean> {
  try {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = [];
    for (const [at, Body] of parts.entries()) {
      const PartNumber = at + 1;
      const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      const { ETag, ChecksumCRC32 } = await client.send(part);
      Parts.push({ PartNumber, ETag, ChecksumCRC32 });
    }
    await client.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
    );
    return true;
  } catch {
    return false;
  }
}

async function bytesOf(client: S3Client, Key: string): Promise<Buffer | null> {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if (error instanceof NoSuchKey) return null;
    throw error;
  }
}

test('an endpoint that is killed has each object whole or not at all, and keeps what it acknowledged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-s3-crash-'));
  const sent = new Map<string, { readonly bytes: Buffer; acknowledged: boolean }>();
  try {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, client } = await start(folder);
      const work = Promise.all(
        ['a', 'b'].map(async (worker) => {
          for (let count = 0; child.signalCode === null; count += 1) {
            const key = `${kill}/${worker}/${count}`;
            const parts = [randomBytes(PART_BYTES), randomBytes(PART_BYTES), randomBytes(100)];
            const entry = { bytes: Buffer.concat(parts), acknowledged: false };
            sent.set(key, entry);
            entry.acknowledged =
              worker === 'a'
                ? await putInParts(client, key, parts)
                : await client.send(new PutObjectCommand({ Bucket, Key: key, Body: entry.bytes })).then(
                    () => true,
                    () => false,
                  );
          }
        }),
      );
      // Any moment will do: this is not to wait for something.
      await wait(randomInt(50, 400));
      child.kill('SIGKILL');
      await once(child, 'exit');
      await work;
      client.destroy();
    }
    const { child, client } = await start(folder);
    let whole = 0;
    for (const [key, { bytes, acknowledged }] of sent) {
      const found = await bytesOf(client, key);
      if (acknowledged) assert.ok(found !== null, `${key} was acknowledged and is gone`);
      if (found !== null) assert.ok(found.equals(bytes), `${key} is not what was sent`);
      if (found !== null) whole += 1;
    }
    assert.ok(whole > 0);
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    for (const { Key, UploadId } of Uploads)
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    client.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
    // What the last restart finds released is deleted before it serves.
    const last = await start(folder);
    last.child.kill('SIGKILL');
    await once(last.child, 'exit');
    last.client.destroy();
    const files = await readdir(join(folder, 'streamed'), { recursive: true, withFileTypes: true });
    assert.equal(files.filter((file) => file.isFile()).length, whole, 'files that belong to no object');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
