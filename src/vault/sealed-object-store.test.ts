import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openFileObjectStore, type ObjectStore } from '../object/index.ts';
import { objectStoreContract } from '../object/object-store.contract.ts';
import { placeOf } from './format.ts';
import { sealText } from './sealed-column.ts';
import { sealedObjectStore, type SealedObjectStore } from './sealed-object-store.ts';
import { openPlace, type Place } from './vault.fixture.ts';

let place: Place;
before(async () => {
  place = await openPlace();
});
after(() => place.close());

interface Objects {
  readonly path: string;
  readonly below: ObjectStore;
  readonly objects: SealedObjectStore;
}

let projects = 0;
async function openObjects(project = `project ${(projects += 1)}`): Promise<Objects> {
  const path = join(place.folder, project);
  const below = await openFileObjectStore({ path });
  const { store, vault } = place;
  return { path, below, objects: sealedObjectStore({ objects: below, store, vault, project }) };
}

/** All files below a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

objectStoreContract('sealed', async () => (await openObjects()).objects);

test('stores nothing of the content, nor of its hash', async () => {
  const { path, objects } = await openObjects('canaries');
  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const { store, vault } = place;
  const content = Buffer.from(`before ${canary} after `.repeat(5000));
  const sha256 = await objects.put(content);
  const text = await sealText(vault, 'canaries', placeOf('settings', 'canary'), canary);
  await store.commit([{ sql: 'INSERT INTO settings VALUES (?, ?)', parameters: ['canary', text] }]);
  await store.commit([{ sql: 'INSERT INTO settings VALUES (?, ?)', parameters: ['benign', 'in the clear'] }]);

  const files = filesIn(place.folder);
  const wal = `${place.storePath}-wal`;
  assert.ok(files.includes(place.storePath) && files.includes(wal) && filesIn(path).length === 1);
  assert.ok(readFileSync(wal).includes('in the clear'), 'the search finds what is not sealed');
  for (const needle of [
    canary,
    sha256,
    Buffer.from(sha256, 'hex'),
    Buffer.from(canary).toString('base64url'),
  ]) {
    for (const file of files) {
      assert.equal(readFileSync(file).includes(needle), false, `${file} holds ${String(needle)}`);
      assert.equal(file.includes(String(needle)), false);
    }
  }
  assert.ok(Buffer.from(await objects.get(sha256)).equals(content));
});

test('keeps one copy of the same bytes, another for each project, under names that are not alike', async () => {
  const one = await openObjects();
  const two = await openObjects();
  const bytes = randomBytes(100);
  const hashes = await Promise.all([one, one, two].map(({ objects }) => objects.put(bytes)));
  assert.equal(new Set(hashes).size, 1);
  const [first, ...more] = filesIn(one.path).map((path) => path.slice(-64));
  assert.equal(more.length, 0);
  assert.notEqual(first, filesIn(two.path)[0]?.slice(-64));
  assert.notEqual(first, hashes[0]);
});

test('refuses an object that was changed on disk or exchanged, and heals it when it is put again', async () => {
  const { path, below, objects } = await openObjects();
  const bytes = randomBytes(1000);
  const sha256 = await objects.put(bytes);
  const [file = ''] = filesIn(path);
  const sealed = readFileSync(file);
  sealed.writeUInt8(sealed.readUInt8(500) ^ 1, 500);
  writeFileSync(file, sealed);
  await assert.rejects(objects.get(sha256), { code: 'CORDON_OBJECT_CORRUPT' });
  assert.equal(await objects.put(bytes), sha256);
  assert.ok(Buffer.from(await objects.get(sha256)).equals(bytes));
  assert.equal(filesIn(path).length, 1);

  // Somebody who can write the table lets one name lead to the bytes of another.
  const other = await objects.put(randomBytes(1000));
  const { sql, parameters } = {
    sql: 'UPDATE sealed_objects SET object = ? WHERE object = ?',
    parameters: [],
  };
  const names = filesIn(path).map((name) => name.slice(-64));
  await place.store.commit([{ sql, parameters: [...parameters, names[0], names[1]] }]);
  const outcomes = await Promise.allSettled([objects.get(sha256), objects.get(other)]);
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal(await below.has(names[0] ?? ''), true);
});

test('heals what a crash between the row and the bytes left', async () => {
  const { path, objects } = await openObjects();
  const bytes = randomBytes(1000);
  const sha256 = await objects.put(bytes);
  for (const file of filesIn(path)) rmSync(file);
  assert.equal(await objects.has(sha256), false);
  await assert.rejects(objects.get(sha256), { code: 'CORDON_OBJECT_MISSING' });
  assert.equal(await objects.put(bytes), sha256);
  assert.ok(Buffer.from(await objects.get(sha256)).equals(bytes));
});

test('reads objects under all data keys, and reseals them under the current one', async () => {
  const { path, objects } = await openObjects('resealed');
  const { vault, store } = place;
  const contents = Array.from({ length: 5 }, () => randomBytes(2000));
  const hashes = await Promise.all(contents.map((bytes) => objects.put(bytes)));
  const before = filesIn(path);
  await vault.rotateDataKey('resealed');
  assert.equal(await objects.put(contents[0] ?? Buffer.of()), hashes[0], 'known under its old name');
  assert.deepEqual(filesIn(path), before);
  const late = await objects.put(randomBytes(10));

  const [result] = await vault.reseal('resealed', [objects.place]);
  assert.deepEqual([result?.rewritten, result?.broken], [5, 0]);
  const versions = {
    sql: 'SELECT DISTINCT version FROM sealed_objects WHERE project = ?',
    parameters: ['resealed'],
  };
  assert.deepEqual(await store.query(versions), [{ version: 2 }]);
  assert.equal(filesIn(path).length, 6);
  assert.equal(filesIn(path).filter((file) => before.includes(file)).length, 0);
  for (const [index, bytes] of contents.entries()) {
    assert.ok(Buffer.from(await objects.get(hashes[index] ?? '')).equals(bytes));
  }
  assert.equal((await objects.get(late)).byteLength, 10);
  assert.equal(
    createHash('sha256')
      .update(contents[1] ?? '')
      .digest('hex'),
    hashes[1],
  );
});

test('loses no object when it is interrupted while it reseals one', async () => {
  const { path, below } = await openObjects('interrupted');
  const { store, vault } = place;
  let isFailing = false;
  const failing: ObjectStore = {
    put: async (bytes) => {
      if (isFailing) throw new Error('interrupted');
      return below.put(bytes);
    },
    get: (name) => below.get(name),
    has: (name) => below.has(name),
    delete: (name) => below.delete(name),
  };
  const objects = sealedObjectStore({ objects: failing, store, vault, project: 'interrupted' });
  const bytes = randomBytes(500);
  const sha256 = await objects.put(bytes);
  await vault.rotateDataKey('interrupted');
  isFailing = true;
  await assert.rejects(vault.reseal('interrupted', [objects.place]), { message: 'interrupted' });
  assert.ok(Buffer.from(await objects.get(sha256)).equals(bytes));
  isFailing = false;
  await vault.reseal('interrupted', [objects.place]);
  assert.ok(Buffer.from(await objects.get(sha256)).equals(bytes));
  assert.equal(filesIn(path).length, 1);
});

test('opens nothing of a destroyed project, and clears away what is left of it', async () => {
  const { path, objects } = await openObjects('destroyed');
  const sha256 = await objects.put(randomBytes(10));
  await objects.put(randomBytes(20));
  await place.vault.shredProject('destroyed');
  const gone = { code: 'CORDON_KEY_SHREDDED' };
  await assert.rejects(objects.get(sha256), gone);
  await assert.rejects(objects.has(sha256), gone);
  await assert.rejects(objects.put(randomBytes(10)), gone);
  assert.equal(filesIn(path).length, 2);
  assert.equal(await objects.deleteAll(), 2);
  assert.deepEqual(filesIn(path), []);
});
