/** The command line of AWS, unchanged. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { openEndpoint, MIB } from '../../src/s3/s3.fixture.ts';
import type { TestEndpoint } from '../../src/s3/s3.fixture.ts';

const run = promisify(execFile);
const NAMES = ['a  b', 'plus+plus', 'per%20cent', 'q?a=b&c', `quo'te"s`, '...', 'café', '😀', 'x.bin'];
const LARGE = randomBytes(20 * MIB);
const skip = spawnSync('aws', ['--version']).error === undefined ? false : 'there is no aws';

let endpoint: TestEndpoint;
let folder: string;
before(async () => {
  endpoint = await openEndpoint();
  folder = await mkdtemp(join(tmpdir(), 'cordon-s3-'));
  await mkdir(join(folder, 'up'));
  for (const name of NAMES) await writeFile(join(folder, 'up', name), name);
  await writeFile(join(folder, 'large'), LARGE);
  // Without it URLs are signed with Version 2.
  await writeFile(join(folder, 'config'), '[default]\ns3 =\n  signature_version = s3v4\n');
});
after(async () => {
  await endpoint.close();
  await rm(folder, { recursive: true, force: true });
});

async function aws(...args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    LANG: 'C.UTF-8',
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: endpoint.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: endpoint.key.secretAccessKey,
    AWS_MAX_ATTEMPTS: '1',
  };
  return (await run('aws', args, { env, cwd: folder })).stdout;
}

test('the command line of AWS syncs a folder up and down, lists and deletes it', { skip }, async () => {
  await aws('s3', 'mb', 's3://photos');
  await aws('s3', 'sync', '--only-show-errors', 'up', 's3://photos/tree');
  assert.equal((await aws('s3', 'ls', 's3://photos/tree/')).trimEnd().split('\n').length, NAMES.length);
  await aws('s3', 'sync', '--only-show-errors', 's3://photos/tree', 'down');
  assert.deepEqual((await readdir(join(folder, 'down'))).toSorted(), NAMES.toSorted());
  for (const name of NAMES) assert.equal(await readFile(join(folder, 'down', name), 'utf8'), name);
  assert.match(await aws('s3api', 'list-objects-v2', '--bucket', 'photos'), /"Key": "tree\/x\.bin"/);
  await aws('s3', 'rm', '--recursive', 's3://photos/tree');
  assert.doesNotMatch(await aws('s3api', 'list-objects-v2', '--bucket', 'photos'), /"Key"/);
  await assert.rejects(aws('s3', 'ls', 's3://secret'), /AccessDenied/);
  await assert.rejects(aws('s3', 'rb', 's3://photos'), /NotImplemented/);
});

test('it sends a large file in parts, copies, moves and signs for it', { skip }, async () => {
  await aws('s3', 'cp', '--only-show-errors', '--metadata', 'a=b', 'large', 's3://photos/large');
  const { ETag, Metadata } = await endpoint.client.send(
    new HeadObjectCommand({ Bucket: 'photos', Key: 'large' }),
  );
  assert.match(ETag ?? '', /-3"$/);
  assert.deepEqual(Metadata, { a: 'b' });
  await aws('s3', 'cp', '--only-show-errors', 's3://photos/large', 's3://papers/copied');
  await aws('s3', 'mv', '--only-show-errors', 's3://papers/copied', 's3://papers/moved');
  assert.doesNotMatch(await aws('s3', 'ls', 's3://papers/'), /copied/);
  const url = (await aws('s3', 'presign', 's3://papers/moved')).trim();
  assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(LARGE));
  assert.equal((await fetch(url.replace('moved', 'other'))).status, 403);
  const isPublic = ['--only-show-errors', '--acl', 'public-read'];
  await assert.rejects(aws('s3', 'cp', ...isPublic, 'up/x.bin', 's3://photos/open'), /NotImplemented/);
  assert.doesNotMatch(await aws('s3', 'ls', 's3://photos/'), /open/);
});
