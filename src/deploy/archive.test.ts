import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { unpackArchive } from './archive.ts';
import { failureOf, filesTar, tarOf, temporaryFolder, writeTree } from './deploy.fixture.ts';

async function emptyFolder(test: TestContext): Promise<string> {
  const folder = join(await temporaryFolder(test), 'in');
  await mkdir(folder);
  return folder;
}

type Entry = Parameters<typeof tarOf>[0][number];

const HARMLESS: Entry = { name: 'src/main.ts', content: 'ok' };

const REFUSED: readonly { title: string; entries: readonly Entry[]; twin: readonly Entry[] }[] = [
  {
    title: 'a symbolic link',
    entries: [{ name: 'a', type: 'symlink', linkname: '/etc' }],
    twin: [{ name: 'a', content: '/etc' }],
  },
  {
    title: 'a link, then a file through it',
    entries: [
      { name: 'a', type: 'symlink', linkname: '..' },
      { name: 'a/b', content: '' },
    ],
    twin: [{ name: 'a/b', content: '' }],
  },
  {
    title: 'a hard link',
    entries: [HARMLESS, { name: 'b', type: 'link', linkname: 'src/main.ts' }],
    twin: [HARMLESS],
  },
  {
    title: 'a device',
    entries: [{ name: 'd', type: 'character-device', devmajor: 1, devminor: 3 }],
    twin: [HARMLESS],
  },
  { title: 'a pipe', entries: [{ name: 'p', type: 'fifo' }], twin: [HARMLESS] },
  {
    title: 'an absolute path',
    entries: [{ name: '/etc/x', content: '' }],
    twin: [{ name: 'etc/x', content: '' }],
  },
  {
    title: 'a path that climbs',
    entries: [{ name: 'a/../../x', content: '' }],
    twin: [{ name: 'a/..x/x', content: '' }],
  },
  { title: 'a dot segment', entries: [{ name: './x', content: '' }], twin: [{ name: '.x', content: '' }] },
  {
    title: 'an empty segment',
    entries: [{ name: 'a//x', content: '' }],
    twin: [{ name: 'a/x', content: '' }],
  },
  { title: 'a backslash', entries: [{ name: '..\\x', content: '' }], twin: [{ name: '..x', content: '' }] },
  {
    title: 'a control character',
    entries: [{ name: 'a\nb', content: '' }],
    twin: [{ name: 'a b', content: '' }],
  },
  {
    title: 'a folder that climbs',
    entries: [{ name: '../a/', type: 'directory' }],
    twin: [{ name: 'a/', type: 'directory' }],
  },
  { title: 'a name twice', entries: [HARMLESS, HARMLESS], twin: [HARMLESS] },
  {
    title: 'names that differ in case',
    entries: [HARMLESS, { name: 'src/Main.ts', content: '' }],
    twin: [HARMLESS, { name: 'src/main2.ts', content: '' }],
  },
  {
    title: 'folders that differ in case',
    entries: [HARMLESS, { name: 'SRC/x.ts', content: '' }],
    twin: [HARMLESS, { name: 'src/x.ts', content: '' }],
  },
  {
    title: 'names that differ in normalisation',
    entries: [
      { name: 'é', content: '' },
      { name: 'e\u0301', content: '' },
    ],
    twin: [
      { name: 'é', content: '' },
      { name: 'e', content: '' },
    ],
  },
  {
    title: 'a file that is also a folder',
    entries: [
      { name: 'a', content: '' },
      { name: 'a/b', content: '' },
    ],
    twin: [
      { name: 'a', content: '' },
      { name: 'b/b', content: '' },
    ],
  },
  {
    title: 'a folder that is also a file',
    entries: [
      { name: 'a/b', content: '' },
      { name: 'a', content: '' },
    ],
    twin: [{ name: 'a/b', content: '' }],
  },
  {
    title: 'a segment that is too long',
    entries: [{ name: 'n'.repeat(256), content: '' }],
    twin: [{ name: 'n'.repeat(255), content: '' }],
  },
  {
    title: 'too many levels',
    entries: [{ name: `${'d/'.repeat(64)}f`, content: '' }],
    twin: [{ name: `${'d/'.repeat(63)}f`, content: '' }],
  },
  {
    title: "a name of Cordon's own",
    entries: [{ name: '.cordon-bundle-0.js', content: '' }],
    twin: [{ name: 'cordon-bundle-0.js', content: '' }],
  },
];

for (const { title, entries, twin } of REFUSED) {
  test(`an archive with ${title} is refused, and one without it is unpacked`, async (t) => {
    const folder = await emptyFolder(t);
    const error = await failureOf(unpackArchive(await tarOf(entries), folder));
    assert.equal(error.code, 'CORDON_ARCHIVE_REFUSED', error.message);
    const outside = await readdir(join(folder, '..'));
    assert.deepEqual(outside, ['in'], 'nothing was written beside the folder');
    const other = await emptyFolder(t);
    await unpackArchive(await tarOf(twin), other);
  });
}

test('a file that is there already is never written over or through', async (t) => {
  const folder = await emptyFolder(t);
  await writeTree(folder, { '../target': 'safe', a: '-> ../target' });
  await assert.rejects(unpackArchive(await filesTar({ a: 'stolen' }), folder));
  assert.equal(await readFile(join(folder, '../target'), 'utf8'), 'safe');
});

test('what is no tar, or half of one, is refused', async (t) => {
  const whole = await filesTar({ a: 'x'.repeat(2000) });
  for (const bytes of [Buffer.from('x'.repeat(1024)), whole.subarray(0, 1024), whole.subarray(0, 100)]) {
    const error = await failureOf(unpackArchive(bytes, await emptyFolder(t)));
    assert.equal(error.code, 'CORDON_ARCHIVE_REFUSED');
  }
  assert.deepEqual(await unpackArchive(whole, await emptyFolder(t)), { app: '', files: 1, bytes: 2000 });
});

test('an archive at its limits is unpacked, and one byte or one file more is refused', async (t) => {
  const limits = { filesMax: 3, bytesMax: 3000 };
  const kilo = 'x'.repeat(1000);
  const fits = await unpackArchive(
    await filesTar({ a: kilo, b: kilo, c: kilo }),
    await emptyFolder(t),
    limits,
  );
  assert.deepEqual(fits, { app: '', files: 3, bytes: 3000 });
  for (const files of [
    { a: kilo, b: kilo, c: `${kilo}x` },
    { a: '', b: '', c: '', d: '' },
  ]) {
    const error = await failureOf(unpackArchive(await filesTar(files), await emptyFolder(t), limits));
    assert.equal(error.code, 'CORDON_SOURCE_TOO_LARGE');
  }
});

test('a file of one byte more than any archive may hold is refused by default', async (t) => {
  const archive = await filesTar({ a: new Uint8Array(LIMITS.sourceBytesMax.value + 1) });
  const error = await failureOf(unpackArchive(archive, await emptyFolder(t)));
  assert.equal(error.code, 'CORDON_SOURCE_TOO_LARGE');
});

function headed(links: Record<string, string>, files: Record<string, string> = {}): Promise<Uint8Array> {
  return filesTar({
    'lib/index.js': 'x',
    ...files,
    '.cordon/archive.json': JSON.stringify({ version: 1, app: '', links }),
  });
}

test('links of packages are made inside of the folder, and all others are refused', async (t) => {
  const folder = await emptyFolder(t);
  await unpackArchive(await headed({ 'node_modules/lib': 'lib', 'node_modules/@s/lib': 'lib' }), folder);
  assert.equal(await readlink(join(folder, 'node_modules/@s/lib')), '../../lib');
  assert.ok((await lstat(join(folder, 'node_modules/lib'))).isSymbolicLink());
  assert.equal(await readFile(join(folder, 'node_modules/lib/index.js'), 'utf8'), 'x');
  const bad: [Record<string, string>, Record<string, string>?][] = [
    [{ 'node_modules/lib': '../../etc' }],
    [{ 'node_modules/lib': '/etc' }],
    [{ 'node_modules/lib': 'absent' }],
    [{ 'node_modules/lib': 'lib/index.js' }],
    [{ 'src/lib': 'lib' }],
    [{ 'node_modules/../x': 'lib' }],
    [{ 'node_modules/lib': 'lib' }, { 'node_modules/lib/own.js': '' }],
    [{ 'node_modules/lib': 'lib', 'node_modules/lib/node_modules/b': 'lib' }],
    [{ 'node_modules/lib/node_modules/b': 'lib', 'node_modules/lib': 'lib' }],
    [{ 'node_modules/lib': 'node_modules/b', 'node_modules/b': 'lib' }],
  ];
  for (const [links, files] of bad) {
    const error = await failureOf(unpackArchive(await headed(links, files), await emptyFolder(t)));
    assert.equal(error.code, 'CORDON_ARCHIVE_REFUSED', JSON.stringify(links));
  }
});
