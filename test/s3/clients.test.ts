/** Clients that others wrote, unchanged: what they do with a folder and a bucket. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { CreateMultipartUploadCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { openEndpoint, MIB } from '../../src/s3/s3.fixture.ts';
import type { TestEndpoint } from '../../src/s3/s3.fixture.ts';

const run = promisify(execFile);
const FILES: Readonly<Record<string, Buffer>> = {
  'a.txt': Buffer.from('one'),
  'sub/ü b+c&.txt': Buffer.from('two'),
  'sub/deep/empty': Buffer.alloc(0),
  'sub/deep/large.bin': randomBytes(20 * MIB),
};

/** Names of files that some part on the way could take for something else. */
const ODD_NAMES = [
  ...[' lead', 'trail ', 'a  b', '\u00a0nbsp', 'plus+plus', 'per%20cent', '%2e%2e', 'q?a=b&c', 'h#ash'],
  ...['semi;colon', `quo'te"s`, 'back\\slash', '<tag>', 'star*|pipe', 'c:olon', '..dots', '...', '.hidden'],
  ...['~tilde', 'café', '日本語', '😀', '$(id)`id`', '{}[]^', 'x'.repeat(200), 'dir ü+%/a&b/same'],
];
const ODD_FILES = Object.fromEntries(ODD_NAMES.map((name) => [name, Buffer.from(name)]));
const IN_PARTS = ['--s3-upload-cutoff', '5M', '--s3-chunk-size', '5M'];

let endpoint: TestEndpoint;
let folder: string;
before(async () => {
  endpoint = await openEndpoint();
  folder = await mkdtemp(join(tmpdir(), 'cordon-s3-'));
  await writeFiles(join(folder, 'up'), FILES);
  await writeFiles(join(folder, 'odd'), ODD_FILES);
});
after(async () => {
  await endpoint.close();
  await rm(folder, { recursive: true, force: true });
});

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;

async function writeFiles(path: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), bytes);
  }
}

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

/** Nothing of the machine's own settings. */
const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: folder,
  LANG: 'C.UTF-8',
  RCLONE_CONFIG: join(folder, 'none.conf'),
  RCLONE_CONFIG_CORDON_TYPE: 's3',
  RCLONE_CONFIG_CORDON_PROVIDER: 'Other',
  RCLONE_CONFIG_CORDON_ENDPOINT: endpoint.url,
  RCLONE_CONFIG_CORDON_REGION: 'us-east-1',
  RCLONE_CONFIG_CORDON_ACCESS_KEY_ID: endpoint.key.accessKeyId,
  RCLONE_CONFIG_CORDON_SECRET_ACCESS_KEY: endpoint.key.secretAccessKey,
  RCLONE_RETRIES: '1',
  RCLONE_LOW_LEVEL_RETRIES: '1',
});

async function rclone(...args: readonly string[]): Promise<string> {
  return (await run('rclone', args, { env: environment() })).stdout;
}

async function s3cmd(...args: readonly string[]): Promise<string> {
  const config = join(folder, 's3cfg');
  const host = new URL(endpoint.url).host;
  const lines = [
    '[default]',
    `access_key = ${endpoint.key.accessKeyId}`,
    `secret_key = ${endpoint.key.secretAccessKey}`,
    `host_base = ${host}`,
    `host_bucket = ${host}`,
    'use_https = False',
    'bucket_location = us-east-1',
  ];
  await writeFile(config, lines.join('\n'));
  return (await run('s3cmd', ['-c', config, '--no-progress', ...args], { env: environment() })).stdout;
}

test(
  'rclone syncs a folder up and down, lists, copies, moves and deletes',
  { skip: !isThere('rclone') },
  async () => {
    const up = join(folder, 'up');
    await rclone('sync', up, 'cordon:photos/tree', ...IN_PARTS);
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

test(
  'rclone carries files of odd names there and back, and finds one that differs',
  { skip: !isThere('rclone') },
  async () => {
    const odd = join(folder, 'odd');
    const there = 'cordon:photos/odd';
    await rclone('sync', odd, there);
    await rclone('check', odd, there);
    const listed = JSON.parse(await rclone('lsjson', '-R', '--files-only', there)) as { Path: string }[];
    assert.deepEqual(listed.map(({ Path }) => Path).toSorted(), ODD_NAMES.toSorted());
    await rclone('sync', there, join(folder, 'odd-down'));
    await assertSame(join(folder, 'odd-down'), ODD_FILES);
    await writeFile(join(folder, 'odd-down', '😀'), 'other');
    await assert.rejects(rclone('check', join(folder, 'odd-down'), there), /1 differences found/);
    await rm(join(folder, 'odd-down', '日本語'));
    await rclone('sync', join(folder, 'odd-down'), there);
    assert.equal(await rclone('cat', `${there}/😀`), 'other');
    assert.doesNotMatch(await rclone('lsf', there), /日本語/);
    await rclone('purge', there);
    assert.equal((await rclone('lsf', '-R', 'cordon:photos')).trim(), '');
    await writeFile(join(folder, 'rtl\u200f.txt'), 'x');
    await assert.rejects(rclone('copy', join(folder, 'rtl\u200f.txt'), there), /InvalidArgument|BadRequest/);
  },
);

test(
  'rclone sends a large file in parts, signs a URL for it, and keeps times and metadata',
  { skip: !isThere('rclone') },
  async () => {
    const large = FILES['sub/deep/large.bin'] ?? Buffer.alloc(0);
    const from = join(folder, 'up/sub/deep/large.bin');
    await rclone('copyto', from, 'cordon:papers/large', ...IN_PARTS);
    const { ETag } = await endpoint.client.send(new HeadObjectCommand({ Bucket: 'papers', Key: 'large' }));
    assert.match(ETag ?? '', /-4"$/);
    const md5 = createHash('md5').update(large).digest('hex');
    assert.match(await rclone('md5sum', 'cordon:papers/large'), new RegExp(`^${md5} `));
    const url = (await rclone('link', '--expire', '5m', 'cordon:papers/large')).trim();
    assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(large));
    assert.equal((await fetch(url.replace('/large', '/other'))).status, 403);
    const metadata = ['-M', '--metadata-set', 'note=ü€', '--metadata-set', 'cache-control=no-store'];
    await rclone('copyto', ...metadata, join(folder, 'up/a.txt'), 'cordon:papers/noted');
    const told = await rclone('lsjson', '-M', '--stat', 'cordon:papers/noted');
    assert.match(told, /"cache-control": "no-store"/);
    assert.match(told, /"note": "ü€"/);
    await rclone('touch', '-t', '2020-01-02T03:04:05', 'cordon:papers/noted');
    assert.match(await rclone('lsl', 'cordon:papers/noted'), /3 2020-01-02 03:04:05/);
    assert.match(await rclone('lsjson', '-M', '--stat', 'cordon:papers/noted'), /"note": "ü€"/);
    await rclone('delete', 'cordon:papers');
    assert.equal((await rclone('lsf', '-R', 'cordon:papers')).trim(), '');
    await assert.rejects(rclone('rmdir', 'cordon:papers'), /NotImplemented/);
  },
);

test(
  's3cmd puts, gets, measures and changes an object, and is told what is not there',
  { skip: !isThere('s3cmd') },
  async () => {
    const large = 's3://papers/s3cmd/large ü+.bin';
    await s3cmd('mb', 's3://papers');
    await s3cmd('put', '--multipart-chunk-size-mb=5', join(folder, 'up/sub/deep/large.bin'), large);
    await s3cmd('put', '-m', 'text/x-odd', join(folder, 'up/a.txt'), 's3://papers/s3cmd/a.txt');
    assert.match(await s3cmd('info', 's3://papers/s3cmd/a.txt'), /MIME type: text\/x-odd/);
    assert.match(await s3cmd('du', 's3://papers/s3cmd/'), new RegExp(`^\\s*${20 * MIB + 3}\\s+2 objects`));
    await s3cmd('get', large, join(folder, 'got.bin'));
    assert.ok(
      (await readFile(join(folder, 'got.bin'))).equals(FILES['sub/deep/large.bin'] ?? Buffer.alloc(0)),
    );
    await s3cmd('modify', '--add-header=cache-control:no-store', 's3://papers/s3cmd/a.txt');
    const { CacheControl, ContentType } = await endpoint.client.send(
      new HeadObjectCommand({ Bucket: 'papers', Key: 's3cmd/a.txt' }),
    );
    assert.deepEqual([CacheControl, ContentType], ['no-store', 'text/x-odd']);
    const Key = 's3cmd/open';
    const { UploadId = '' } = await endpoint.client.send(
      new CreateMultipartUploadCommand({ Bucket: 'papers', Key }),
    );
    assert.ok((await s3cmd('multipart', 's3://papers')).includes(UploadId));
    await s3cmd('abortmp', `s3://papers/${Key}`, UploadId);
    assert.ok(!(await s3cmd('multipart', 's3://papers')).includes(UploadId));
    await assert.rejects(s3cmd('setacl', '--acl-public', large), /NotImplemented/);
    await assert.rejects(s3cmd('rb', 's3://papers'), /NotImplemented/);
    // It signs URLs with Signature Version 2 alone, which nobody may.
    const url = (await s3cmd('signurl', large, '+60')).trim();
    assert.match(url, /Signature=/);
    assert.ok([400, 403].includes((await fetch(url)).status));
    await s3cmd('del', '-r', '-f', 's3://papers/s3cmd/');
    assert.equal((await s3cmd('ls', '-r', 's3://papers/s3cmd/')).trim(), '');
  },
);

test('s3cmd carries files of odd names there and back', { skip: !isThere('s3cmd') }, async () => {
  await s3cmd('sync', `${join(folder, 'odd')}/`, 's3://photos/odd/');
  await mkdir(join(folder, 'odd-down2'));
  await s3cmd('sync', 's3://photos/odd/', `${join(folder, 'odd-down2')}/`);
  await assertSame(join(folder, 'odd-down2'), ODD_FILES);
  await s3cmd('del', '-r', '-f', 's3://photos/odd/');
});
