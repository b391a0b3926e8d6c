import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, suite, test } from 'node:test';
import type { StreamedObjects } from './port.ts';

/** What every adapter of streamed objects promises. `open` gives an empty one; `reopen` the same after a crash. */
export function streamedObjectsContract(
  adapter: string,
  open: () => Promise<{ objects: StreamedObjects; reopen: () => Promise<StreamedObjects> }>,
): void {
  suite(`the ${adapter} streamed objects`, () => {
    let objects: StreamedObjects;
    let reopen: () => Promise<StreamedObjects>;
    before(async () => {
      ({ objects, reopen } = await open());
    });

    const write = async (pieces: readonly Uint8Array[]): Promise<string> => {
      const sink = await objects.create();
      for (const piece of pieces) await sink.write(piece);
      await sink.finish();
      return sink.name;
    };
    const read = async (name: string, start = 0, end = Number.MAX_SAFE_INTEGER): Promise<Buffer> => {
      const object = await objects.open(name);
      try {
        return Buffer.from(await object.read(start, end));
      } finally {
        await object.close();
      }
    };

    test('give back what was written, before and after it is kept, also in part', async () => {
      const bytes = randomBytes(300_000);
      const name = await write([bytes.subarray(0, 1), bytes.subarray(1, 100_000), bytes.subarray(100_000)]);
      assert.deepEqual(await read(name), bytes);
      await objects.keep(name);
      assert.deepEqual(await read(name), bytes);
      assert.deepEqual(await read(name, 99_999, 100_001), bytes.subarray(99_999, 100_001));
      assert.deepEqual(await read(name, 299_999, 400_000), bytes.subarray(299_999));
      assert.deepEqual(await read(await write([])), Buffer.alloc(0));
    });

    test('are gone when they were abandoned or deleted, and go on being read by who has them open', async () => {
      const sink = await objects.create();
      await sink.write(randomBytes(10));
      await sink.abandon();
      await assert.rejects(objects.open(sink.name), { code: 'CORDON_OBJECT_MISSING' });
      const name = await write([Buffer.from('bytes')]);
      await objects.keep(name);
      const opened = await objects.open(name);
      await objects.delete(name);
      await objects.delete(name);
      assert.equal(Buffer.from(await opened.read(0, 5)).toString(), 'bytes');
      await opened.close();
      await assert.rejects(objects.open(name), { code: 'CORDON_OBJECT_MISSING' });
    });

    test('are recovered after a crash when somebody knows them, and removed otherwise', async () => {
      const [known, unknown, kept] = [
        await write([Buffer.from('1')]),
        await write([Buffer.from('2')]),
        await write([]),
      ];
      await objects.keep(kept);
      const begun = await objects.create();
      await begun.write(Buffer.from('3'));
      objects = await reopen();
      const removed = await objects.recover((names) =>
        Promise.resolve(new Set(names.filter((name) => name === known))),
      );
      assert.ok(removed >= 2);
      assert.equal((await read(known)).toString(), '1');
      assert.equal((await read(kept)).toString(), '');
      for (const name of [unknown, begun.name])
        await assert.rejects(objects.open(name), { code: 'CORDON_OBJECT_MISSING' });
      await begun.abandon();
    });

    test('refuse names that are none', async () => {
      for (const name of [
        '',
        '..',
        '../../../../etc/passwd',
        '/etc/passwd',
        'A'.repeat(32),
        `${'a'.repeat(32)}\n`,
        `${'a'.repeat(31)}\0`,
      ]) {
        await assert.rejects(objects.open(name), { code: 'CORDON_OBJECT_MISSING' }, name);
        await assert.rejects(objects.keep(name), { code: 'CORDON_OBJECT_MISSING' }, name);
        await assert.rejects(objects.delete(name), { code: 'CORDON_OBJECT_MISSING' }, name);
      }
    });
  });
}
