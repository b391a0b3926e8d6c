import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { DataKey } from './data-key.ts';
import { CHUNK_BYTES, SEALED_CHUNK_BYTES, STREAM_HEADER_BYTES, TAG_BYTES } from './format.ts';
import type { SealedSource } from './port.ts';
import { plaintextSize, sealChunks, sealedSize } from './stream-cipher.ts';
import { collect, inParts, openPlace, type Place } from './vault.fixture.ts';

const KNOWN_STREAM = 'c1832d86733348fec7f1e3c132dd7ce7ca5b78910a94282473';
const broken = { code: 'CORDON_SEAL_BROKEN' };
let place: Place;
before(async () => {
  place = await openPlace();
});
after(() => place.close());

function seal(plaintext: Uint8Array, where = 'object'): Promise<Buffer> {
  return collect(place.vault.sealStream('default', where, inParts(plaintext, 50_000)));
}

function open(sealed: Uint8Array, where = 'object'): Promise<Buffer> {
  return collect(place.vault.openStream('default', where, inParts(sealed, 50_000)));
}

function sourceOf(sealed: Buffer): SealedSource & { reads: number } {
  return {
    reads: 0,
    size: sealed.length,
    async read(start, end) {
      this.reads += 1;
      return sealed.subarray(start, end);
    },
  };
}

/** The header and the chunks of a sealed stream. */
function chunksOf(sealed: Buffer): { header: Buffer; chunks: Buffer[] } {
  const chunks: Buffer[] = [];
  for (let start = STREAM_HEADER_BYTES; start < sealed.length; start += SEALED_CHUNK_BYTES) {
    chunks.push(sealed.subarray(start, start + SEALED_CHUNK_BYTES));
  }
  return { header: sealed.subarray(0, STREAM_HEADER_BYTES), chunks };
}

test('seals chunks to known bytes', async () => {
  const key = new DataKey({ project: 'default', version: 1 }, new Uint8Array(32).fill(1));
  const cipher = key.streamCipher('place', Buffer.alloc(32, 2));
  const sealed = await collect(sealChunks(cipher, inParts(Buffer.from('plaintext'), 4)));
  assert.equal(sealed.toString('hex'), KNOWN_STREAM);
});

test('gives back streams of all sizes around the borders of chunks, however they are cut', async () => {
  for (const size of [
    0,
    1,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    3 * CHUNK_BYTES + 5,
  ]) {
    const plaintext = randomBytes(size);
    const sealed = await seal(plaintext);
    assert.equal(sealed.length, sealedSize(size));
    assert.equal(plaintextSize(sealed.length), size);
    for (const part of [1000, CHUNK_BYTES, SEALED_CHUNK_BYTES, 1_000_000]) {
      const opened = await collect(place.vault.openStream('default', 'object', inParts(sealed, part)));
      assert.ok(opened.equals(plaintext), `${size} bytes in parts of ${part}`);
    }
  }
});

test('opens nowhere else, for no other project, and never as a value', async () => {
  const sealed = await seal(randomBytes(100));
  await assert.rejects(open(sealed, 'elsewhere'), broken);
  await place.vault.seal('other', 'object', Buffer.of(1));
  await assert.rejects(collect(place.vault.openStream('other', 'object', inParts(sealed, 99))), broken);
  assert.throws(() => place.vault.open('default', 'object', sealed), broken);
  assert.equal((await open(sealed)).length, 100);
});

test('finds chunks that are reordered, dropped, repeated, cut or appended', async () => {
  const first = await seal(randomBytes(3 * CHUNK_BYTES + 10));
  const { header, chunks } = chunksOf(first);
  const [a, b, c, d] = chunks;
  assert.ok(a && b && c && d);
  const other = chunksOf(await seal(randomBytes(3 * CHUNK_BYTES + 10)));
  const forgeries: Record<string, readonly (Buffer | undefined)[]> = {
    reordered: [header, b, a, c, d],
    'without the first': [header, b, c, d],
    'without the last': [header, a, b, c],
    'without one inside': [header, a, c, d],
    repeated: [header, a, a, b, c, d],
    'with the last twice': [header, a, b, c, d, d],
    'with another end': [header, a, b, c, other.chunks[3]],
    'with the header of another': [other.header, a, b, c, d],
    'with a byte more': [first, Buffer.of(0)],
    'with an empty chunk more': [first, Buffer.alloc(TAG_BYTES)],
    'without chunks': [header],
  };
  for (const [name, parts] of Object.entries(forgeries)) {
    const forged = Buffer.concat(parts.filter((part) => part !== undefined));
    await assert.rejects(open(forged), broken, name);
  }
  assert.equal((await open(first)).length, 3 * CHUNK_BYTES + 10);
});

test('does not open with any bit changed, or cut anywhere', async () => {
  const sealed = await seal(randomBytes(CHUNK_BYTES + 100));
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length * 8 - 1), fc.nat(sealed.length - 1), async (bit, length) => {
      await assert.rejects(open(sealed.subarray(0, length)), broken);
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const inVersion = bit >= 8 && bit < 40;
      await assert.rejects(open(changed), { code: inVersion ? 'CORDON_KEY_MISSING' : 'CORDON_SEAL_BROKEN' });
    }),
    { numRuns: 60 },
  );
});

test('reads any range, and only the chunks that it needs', async () => {
  const plaintext = randomBytes(4 * CHUNK_BYTES + 321);
  const sealed = await seal(plaintext);
  const size = plaintext.length;
  const bound = fc.oneof(fc.nat(size + 10), fc.constantFrom(0, CHUNK_BYTES, 2 * CHUNK_BYTES, size - 1, size));
  await fc.assert(
    fc.asyncProperty(bound, bound, async (one, two) => {
      const range = { start: Math.min(one, two), end: Math.max(one, two) };
      const read = await collect(place.vault.openRange('default', 'object', sourceOf(sealed), range));
      assert.ok(read.equals(plaintext.subarray(range.start, range.end)));
    }),
    { numRuns: 60 },
  );
  const source = sourceOf(sealed);
  await collect(
    place.vault.openRange('default', 'object', source, { start: CHUNK_BYTES + 5, end: CHUNK_BYTES + 9 }),
  );
  assert.equal(source.reads, 3, 'the header, the last chunk and the one chunk');
});

test('reads no range of a stream that was cut, although the range itself is whole', async () => {
  const sealed = await seal(randomBytes(3 * CHUNK_BYTES));
  const range = { start: 0, end: 10 };
  for (const cut of [sealed.length - 1, STREAM_HEADER_BYTES + SEALED_CHUNK_BYTES, STREAM_HEADER_BYTES, 3]) {
    const source = sourceOf(sealed.subarray(0, cut));
    await assert.rejects(collect(place.vault.openRange('default', 'object', source, range)), broken);
  }
  for (const bad of [
    { start: -1, end: 1 },
    { start: 2, end: 1 },
    { start: 0.5, end: 1 },
  ]) {
    const source = sourceOf(sealed);
    await assert.rejects(collect(place.vault.openRange('default', 'object', source, bad)), {
      code: 'CORDON_INTERNAL',
    });
  }
  assert.equal(
    (await collect(place.vault.openRange('default', 'object', sourceOf(sealed), range))).length,
    10,
  );
});

test('works on streams of the web and of Node', async () => {
  const plaintext = randomBytes(200_000);
  const web = ReadableStream.from<Uint8Array>(inParts(plaintext, 30_000));
  const sealed = ReadableStream.from(place.vault.sealStream('default', 'object', web));
  const opened: Uint8Array[] = [];
  await pipeline(
    Readable.fromWeb(sealed),
    (source: AsyncIterable<Uint8Array>) => place.vault.openStream('default', 'object', source),
    new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        opened.push(chunk);
        done();
      },
    }),
  );
  assert.ok(Buffer.concat(opened).equals(plaintext));
});

test('takes from its source only what its reader asks for, and closes it when the reader leaves', async () => {
  let given = 0;
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        given += 1;
        yield new Uint8Array(CHUNK_BYTES);
      }
    } finally {
      isClosed = true;
    }
  }
  const sealed = place.vault.sealStream('default', 'object', endless());
  const opened = place.vault.openStream('default', 'object', sealed);
  for (let read = 0; read < 5; read += 1) {
    const next: IteratorResult<Uint8Array, unknown> = await opened.next();
    assert.equal(next.done === true ? 0 : next.value.byteLength, CHUNK_BYTES);
  }
  assert.ok(given <= 8, `${given} chunks were taken for 5`);
  await opened.return(undefined);
  assert.equal(isClosed, true);
});

test('closes its source when the header is wrong', async () => {
  let isClosed = false;
  async function* wrong(): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(100);
      yield new Uint8Array(100);
    } finally {
      isClosed = true;
    }
  }
  await assert.rejects(collect(place.vault.openStream('default', 'object', wrong())), broken);
  assert.equal(isClosed, true);
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('needs the same memory for a large stream as for a small one', async () => {
  const part = new Uint8Array(CHUNK_BYTES);
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 2048; index += 1) yield part;
  }
  let highest = 0;
  let bytes = 0;
  const start = process.memoryUsage().arrayBuffers;
  for await (const opened of place.vault.openStream(
    'default',
    'object',
    place.vault.sealStream('default', 'object', large()),
  )) {
    bytes += opened.byteLength;
    if (bytes % (64 * CHUNK_BYTES) !== 0) continue;
    // What the collector has not come to yet depends on what else the machine does; what is held does not.
    collectGarbage();
    highest = Math.max(highest, process.memoryUsage().arrayBuffers - start);
  }
  assert.equal(bytes, 2048 * CHUNK_BYTES);
  assert.ok(highest < 16 * 1024 * 1024, `${highest} bytes for a stream of ${bytes}`);
});
