import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gz, tar, zip } from '../inspection.fixture.ts';
import { inspectArchive } from './archive.ts';
import type { Bounds } from './budget.ts';

const ROOMY: Bounds = {
  entries: 1000,
  unpackedBytes: 100_000_000,
  ratio: 100_000,
  freeBytes: 0,
  nestedBytes: 1_000_000,
  depth: 2,
  nameBytes: 100,
  allowEncrypted: false,
};

/** Why an archive is refused; null: it is not. */
async function refusal(bytes: Uint8Array, bounds: Partial<Bounds>): Promise<string | null> {
  return (await inspectArchive(bytes, { ...ROOMY, ...bounds })).problem?.code ?? null;
}

const items = (count: number, data = '') =>
  Array.from({ length: count }, (_, index) => ({ name: `n${index}`, data }));

test('entries are counted, those of archives within too', async () => {
  const inner = zip(items(3));
  for (const archive of [
    zip(items(5)),
    await tar(items(5)),
    gz(await tar(items(4))),
    zip([{ name: 'z', data: inner }, ...items(1)]),
  ]) {
    assert.equal(await refusal(archive, { entries: 5 }), null);
    assert.equal(await refusal(archive, { entries: 4 }), 'archive-entries');
  }
});

test('what comes out is counted, whatever the archive says', async () => {
  const data = randomBytes(500).toString('hex');
  assert.equal(await refusal(zip(items(3, data)), { unpackedBytes: 3000 }), null);
  assert.equal(await refusal(zip(items(3, data)), { unpackedBytes: 2999 }), 'archive-bomb');
  assert.equal(await refusal(gz(Buffer.from(data)), { unpackedBytes: 1000 }), null);
  assert.equal(await refusal(gz(Buffer.from(data)), { unpackedBytes: 999 }), 'archive-bomb');
  const large = zip([{ name: 'a', data: Buffer.alloc(3_000_000) }]);
  assert.equal(await refusal(large, { unpackedBytes: 3_000_000 }), null);
  assert.equal(await refusal(large, { unpackedBytes: 2_999_999 }), 'archive-bomb');
});

test('an archive may grow by the ratio, and beyond what is free not more', async () => {
  const archive = zip([{ name: 'a', data: Buffer.alloc(500_000) }]);
  const ratio = 500_000 / archive.length;
  assert.equal(await refusal(archive, { ratio }), null);
  assert.equal(await refusal(archive, { ratio: ratio - 1 }), 'archive-bomb');
  assert.equal(await refusal(archive, { ratio: ratio - 1, freeBytes: 500_000 }), null);
  assert.equal(await refusal(archive, { ratio: ratio - 1, freeBytes: 499_999 }), 'archive-bomb');
});

test('archives may be nested as deep as the bound, and be as large as theirs', async () => {
  const inner = gz(zip([{ name: 'a', data: randomBytes(100) }]));
  const outer = zip([{ name: 'inner.zip.gz', data: inner }]);
  assert.equal(await refusal(outer, { depth: 2 }), null);
  assert.equal(await refusal(outer, { depth: 1 }), 'archive-depth');
  assert.equal(await refusal(zip([{ name: 'o', data: outer }]), { depth: 2 }), 'archive-depth');
  const large = zip([{ name: 'a', data: randomBytes(2000) }]);
  assert.equal(await refusal(zip([{ name: 'l', data: large }]), { nestedBytes: large.length }), null);
  assert.equal(
    await refusal(zip([{ name: 'l', data: large }]), { nestedBytes: large.length - 1 }),
    'archive-bomb',
  );
});

test('names are as long as the bound at most, and encrypted entries pass where they may', async () => {
  assert.equal(await refusal(zip([{ name: 'n'.repeat(100), data: '' }]), {}), null);
  assert.equal(await refusal(zip([{ name: 'n'.repeat(101), data: '' }]), {}), 'archive-path');
  const encrypted = zip([{ name: 'a', data: 'x', encrypted: true }]);
  assert.equal(await refusal(encrypted, {}), 'archive-encrypted');
  assert.equal(await refusal(encrypted, { allowEncrypted: true }), null);
});

/** A tar whose first header says something else at a place, with its checksum (POSIX.1, ustar interchange format). */
function withHeader(archive: Buffer, at: number, text: string): Buffer {
  const changed = Buffer.from(archive);
  changed.write(text, at, 'latin1');
  // The checksum counts its own field as blanks.
  changed.fill(' ', 148, 156);
  const sum = changed.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  changed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return changed;
}

test('a folder in a tar that claims to have data is refused', async () => {
  const archive = await tar([{ name: 'd/', type: 'directory' }]);
  assert.equal(await refusal(withHeader(archive, 124, '00000000000'), {}), null);
  assert.equal(await refusal(withHeader(archive, 124, '00000000377'), {}), 'archive-unreadable');
});

test('entries of a tar with holes, or of kinds that nobody knows, are refused', async () => {
  const archive = await tar([{ name: 'a', data: 'x' }]);
  assert.equal(await refusal(withHeader(archive, 156, '7'), {}), null);
  for (const kind of ['S', 'V', 'Z'])
    assert.equal(await refusal(withHeader(archive, 156, kind), {}), 'archive-unreadable');
  const pax = (field: string) => tar([{ name: 'a', data: 'x', pax: { [field]: '1' } }]);
  assert.equal(await refusal(await pax('comment'), {}), null);
  assert.equal(await refusal(await pax('GNU.sparse.realsize'), {}), 'archive-unreadable');
});

test('links stay within the archive, also by way of each other', async () => {
  const link = (name: string, linkname: string) => ({ name, type: 'symlink' as const, linkname });
  for (const entries of [
    [link('a/b', '../c'), link('c', 'd/e')],
    [link('a/b/c', '../..'), { name: 'd', data: 'x' }],
    [link('current', 'releases/1'), { name: 'releases/1/index', data: 'x' }],
  ])
    assert.equal(await refusal(await tar(entries), {}), null, JSON.stringify(entries));
  for (const entries of [
    [link('deep/s', '..'), link('q', 'deep/s/..')],
    [link('deep/s', '..'), link('deep/s/q', '..')],
    [link('d', 'e'), { name: 'd/file', data: 'x' }],
    [{ name: 'd/file', data: 'x' }, link('d', 'e')],
    [link('./D', 'e'), { name: 'd/file', data: 'x' }],
    [link('a', 'b/../../c')],
    [link('./a', '..')],
  ])
    assert.equal(await refusal(await tar(entries), {}), 'archive-link', JSON.stringify(entries));
});

test('an archive that ends too early is refused, wherever', async () => {
  const archives = [
    zip(items(2, 'some data')),
    await tar(items(2, 'some data')),
    gz(await tar(items(2, 'some data'))),
  ];
  for (const archive of archives) {
    assert.equal(await refusal(archive, {}), null);
    assert.equal(
      await refusal(archive.subarray(0, Math.ceil(archive.length / 2) + 50), {}),
      'archive-unreadable',
    );
  }
});
