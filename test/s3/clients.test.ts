/** Clients that others wrote, unchanged: what they do with a folder and a bucket. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { openEndpoint, MIB } from '../../src/s3/s3.fixture.ts';
import type { TestEndpoint } from '../../src/s3/s3.fixture.ts';

const run = promisify(execFile);
const FILES: Readonly<Record<string, Buffer>> = {
  'a.txt': Buffer.from('one'),
  'sub/ü b+c&.txt': Buffer.from('two'),
  'sub/deep/empty': Buffer.alloc(0),
  'sub/deep/large.bin': randomBytes(20 * MIB),
};

let endpoint: TestEndpoint;
let folder: string;
before(async () => {
  endpoint = await openEndpoint();
  folder = await mkdtemp(join(tmpdir(), 'cordon-s3-'));
  for (const [name, bytes] of Object.entries(FILES)) {
    await mkdir(join(folder, 'up', name, '..'), { recursive: true });
    await writeFile(join(folder, 'up', name), bytes);
  }
});
after(async () => {
  await endpoint.close();
  await rm(folder, { recursive: true, force: true });
});

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

/** Files below a folder by their path, with their bytes. */
async function filesIn(path: string): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const name = join(entry.parentPath, entry.name);
    found[name.slice(path.length + 1)] = await readFile(name);
  }
  return found;
}

async function assertSame(path: string, expected: Readonly<Record<string, Buffer>>): Promise<void> {
  const found = await filesIn(path);
  assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted());
  for (const [name, bytes] of Object.entries(expected)) assert.ok(found[name]?.equals(bytes), name);
}

test(
  'rclone syncs a folder up and down, lists, copies, moves and deletes',
  { skip: !isThere('rclone') },
  async () => {
    const environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      RCLONE_CONFIG: join(folder, 'none.conf'),
      RCLONE_CONFIG_CORDON_TYPE: 's3',
      RCLONE_CONFIG_CORDON_PROVIDER: 'Other',
      RCLONE_CONFIG_CORDON_ENDPOINT: endpoint.url,
      RCLONE_CONFIG_CORDON_REGION: 'us-east-1',
      RCLONE_CONFIG_CORDON_ACCESS_KEY_ID: endpoint.key.accessKeyId,
      RCLONE_CONFIG_CORDON_SECRET_ACCESS_KEY: endpoint.key.secretAccessKey,
      RCLONE_RETRIES: '1',
      RCLONE_LOW_LEVEL_RETRIES: '1',
    };
    const rclone = async (...args: string[]): Promise<string> =>
      (await run('rclone', args, { env: environment })).stdout;
    const up = join(folder, 'up');
    const multipart = ['--s3-upload-cutoff', '6M', '--s3-chunk-size', '5M'];
    await rclone('sync', up, 'cordon:photos/tree', ...multipart);
    assert.equal(
      (await rclone('lsf', '-R', '--files-only', 'cordon:photos/tree')).trim().split('\n').length,
      4,
    );
    await rclone('check', up, 'cordon:photos/tree', '--download');
    await rclone('sync', 'cordon:photos/tree', join(folder, 'down'));
    await assertSame(join(folder, 'down'), FILES);
    await rclone('copyto', 'cordon:photos/tree/a.txt', 'cordon:papers/copy.txt');
    await rclone('moveto', 'cordon:papers/copy.txt', 'cordon:papers/moved.txt');
    assert.equal(await rclone('cat', 'cordon:papers/moved.txt'), 'one');
    assert.equal((await rclone('lsf', 'cordon:papers')).trim(), 'moved.txt');
    assert.equal(await rclone('cat', '--offset', '1', '--count', '1', 'cordon:papers/moved.txt'), 'n');
    await rclone('delete', 'cordon:photos/tree');
    assert.equal((await rclone('lsf', '-R', 'cordon:photos')).trim(), '');
    await assert.rejects(rclone('lsf', 'cordon:secret'), /AccessDenied|403/);
  },
);

test(
  's3cmd syncs a folder up and down, lists, copies, moves and deletes',
  { skip: !isThere('s3cmd') },
  async () => {
    const host = new URL(endpoint.url).host;
    const config = join(folder, 's3cfg');
    await writeFile(
      config,
      [
        '[default]',
        `access_key = ${endpoint.key.accessKeyId}`,
        `secret_key = ${endpoint.key.secretAccessKey}`,
        `host_base = ${host}`,
        `host_bucket = ${host}`,
        'use_https = False',
        'bucket_location = us-east-1',
      ].join('\n'),
    );
    const s3cmd = async (...args: string[]): Promise<string> =>
      (
        await run('s3cmd', ['-c', config, '--no-progress', ...args], {
          env: { ...process.env, HOME: folder },
        })
      ).stdout;
    assert.match(await s3cmd('ls'), /s3:\/\/photos/);
    await s3cmd('sync', '--multipart-chunk-size-mb=5', `${join(folder, 'up')}/`, 's3://photos/s3cmd/');
    assert.equal((await s3cmd('ls', '-r', 's3://photos/s3cmd/')).trim().split('\n').length, 4);
    await mkdir(join(folder, 'down2'), { recursive: true });
    await s3cmd('sync', 's3://photos/s3cmd/', `${join(folder, 'down2')}/`);
    await assertSame(join(folder, 'down2'), FILES);
    await s3cmd('cp', 's3://photos/s3cmd/a.txt', 's3://papers/c.txt');
    await s3cmd('mv', 's3://papers/c.txt', 's3://papers/m.txt');
    assert.match(await s3cmd('ls', 's3://papers/'), /s3:\/\/papers\/m\.txt/);
    assert.doesNotMatch(await s3cmd('ls', 's3://papers/'), /c\.txt/);
    await s3cmd('del', 's3://papers/m.txt');
    await s3cmd('del', '-r', '-f', 's3://photos/s3cmd/');
    assert.equal((await s3cmd('ls', '-r', 's3://photos/s3cmd/')).trim(), '');
    await assert.rejects(s3cmd('ls', 's3://secret/'), /AccessDenied|403/);
  },
);
