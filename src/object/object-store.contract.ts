import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { before, suite, test } from 'node:test';
import type { ObjectStore } from './port.ts';

/** What every adapter of the object store promises. `open` gives an empty one. */
export function objectStoreContract(adapter: string, open: () => Promise<ObjectStore>): void {
  suite(`the ${adapter} object store`, () => {
    let store: ObjectStore;
    before(async () => {
      store = await open();
    });

    test('gives back what was put, under its SHA-256', async () => {
      for (const bytes of [randomBytes(100_000), new Uint8Array(), Buffer.from('äöü')]) {
        const hash = await store.put(bytes);
        assert.equal(hash, createHash('sha256').update(bytes).digest('hex'));
        assert.deepEqual(Buffer.from(await store.get(hash)), Buffer.from(bytes));
        assert.equal(await store.has(hash), true);
      }
    });

    test('takes the same bytes again, also at the same time', async () => {
      const bytes = randomBytes(10_000);
      const hashes = await Promise.all([store.put(bytes), store.put(bytes), store.put(bytes)]);
      assert.equal(new Set([...hashes, await store.put(bytes)]).size, 1);
      assert.deepEqual(Buffer.from(await store.get(hashes[0])), bytes);
    });

    test('keeps what was put when the caller changes its buffer afterwards', async () => {
      const bytes = Buffer.from('one');
      const putting = store.put(bytes);
      bytes.write('two');
      assert.equal(Buffer.from(await store.get(await putting)).toString(), 'one');
    });

    test('says that an object is missing before it is put and after it is deleted', async () => {
      const bytes = randomBytes(100);
      const hash = createHash('sha256').update(bytes).digest('hex');
      assert.equal(await store.has(hash), false);
      await assert.rejects(store.get(hash), { code: 'CORDON_OBJECT_MISSING' });
      await store.put(bytes);
      assert.equal(await store.has(hash), true);
      await store.delete(hash);
      await store.delete(hash);
      assert.equal(await store.has(hash), false);
      await assert.rejects(store.get(hash), { code: 'CORDON_OBJECT_MISSING' });
    });

    test('refuses names that are no hash', async () => {
      const hash = await store.put(randomBytes(10));
      for (const name of [
        '',
        '..',
        `../${hash.slice(3)}`,
        '../../../../etc/passwd',
        '/etc/passwd',
        hash.toUpperCase(),
        `${hash}0`,
        `${hash}\n`,
        hash.slice(1),
        `${hash.slice(0, 63)}\0`,
      ]) {
        if (name === hash) continue;
        await assert.rejects(store.get(name), { code: 'CORDON_OBJECT_MISSING' }, name);
        await assert.rejects(store.delete(name), { code: 'CORDON_OBJECT_MISSING' }, name);
        assert.equal(await store.has(name), false, name);
      }
      assert.equal(await store.has(hash), true);
    });
  });
}
