import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import {
  CHUNK_BYTES,
  NONCE_BYTES,
  SEALED_CHUNK_BYTES,
  STREAM_HEADER_BYTES,
  TAG_BYTES,
  broken,
  bufferOf,
} from './format.ts';
import type { ByteRange, SealedSource } from './port.ts';

/** Two reads are in memory at a time. */
const CHUNKS_PER_READ = 4;
const COUNTER_OFFSET = 3;
const LAST_OFFSET = NONCE_BYTES - 1;

/**
 * STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance, 2015) over AES-256-GCM. The key is for one stream alone, so the nonce is the number of
 * the chunk and whether it is the last: chunks that are reordered, dropped, appended or cut do not open.
 */
export class StreamCipher {
  readonly #key: KeyObject;
  readonly #associated: Buffer;
  readonly #checkAlive: () => void;
  readonly #nonce = Buffer.alloc(NONCE_BYTES);

  constructor(key: KeyObject, associated: Buffer, checkAlive: () => void) {
    this.#key = key;
    this.#associated = associated;
    this.#checkAlive = checkAlive;
  }

  /** The ciphertext and its tag. They are not joined: that would be a copy of every byte. */
  sealChunk(index: number, isLast: boolean, plaintext: Buffer): readonly [Buffer, Buffer] {
    this.#checkAlive();
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonceOf(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(this.#associated);
    const ciphertext = cipher.update(plaintext);
    cipher.final();
    return [ciphertext, cipher.getAuthTag()];
  }

  openChunk(index: number, isLast: boolean, sealed: Buffer): Buffer {
    this.#checkAlive();
    const end = sealed.length - TAG_BYTES;
    // Only an empty stream has an empty chunk: each plaintext has one form.
    if (end < 0 || (end === 0 && index > 0)) throw broken();
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#nonceOf(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(this.#associated);
    decipher.setAuthTag(sealed.subarray(end));
    const plaintext = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch (cause) {
      throw broken(cause);
    }
    return plaintext;
  }

  #nonceOf(index: number, isLast: boolean): Buffer {
    this.#nonce.writeBigUInt64BE(BigInt(index), COUNTER_OFFSET);
    this.#nonce.writeUInt8(isLast ? 1 : 0, LAST_OFFSET);
    return this.#nonce;
  }
}

/** The chunks of a stream, sealed, without its header. */
export async function* sealChunks(
  cipher: StreamCipher,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let index = 0;
  for await (const { bytes, isLast } of cut(source, CHUNK_BYTES)) {
    yield* cipher.sealChunk(index, isLast, bytes);
    index += 1;
  }
}

/** The plaintext of chunks that follow the header. */
export async function* openChunks(
  cipher: StreamCipher,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  let index = 0;
  for await (const { bytes, isLast } of cut(source, SEALED_CHUNK_BYTES)) {
    yield cipher.openChunk(index, isLast, bytes);
    index += 1;
  }
}

interface Piece {
  /** Valid until the next one is asked for. */
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** Pieces of `size` bytes; the last, always there, has the rest and is empty only when all is. */
async function* cut(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Piece> {
  const piece = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const part of source) {
    const bytes = bufferOf(part);
    let taken = 0;
    while (taken < bytes.length) {
      if (filled === size) {
        yield { bytes: piece, isLast: false };
        filled = 0;
      }
      const copied = bytes.copy(piece, filled, taken);
      filled += copied;
      taken += copied;
    }
  }
  yield { bytes: piece.subarray(0, filled), isLast: true };
}

/** Plaintext bytes of a stream that has this many when sealed. Errors: CORDON_SEAL_BROKEN when none has. */
export function plaintextSize(sealedSize: number): number {
  const { count, lastBytes } = chunksOf(sealedSize);
  return (count - 1) * CHUNK_BYTES + lastBytes - TAG_BYTES;
}

/** Sealed bytes of a stream with this many of plaintext. */
export function sealedSize(plaintextBytes: number): number {
  const chunks = Math.max(1, Math.ceil(plaintextBytes / CHUNK_BYTES));
  return STREAM_HEADER_BYTES + plaintextBytes + chunks * TAG_BYTES;
}

function chunksOf(sealedSize: number): { count: number; lastBytes: number } {
  const body = sealedSize - STREAM_HEADER_BYTES;
  const count = Math.ceil(body / SEALED_CHUNK_BYTES);
  const lastBytes = body - (count - 1) * SEALED_CHUNK_BYTES;
  if (body < TAG_BYTES || lastBytes < TAG_BYTES || (lastBytes === TAG_BYTES && count > 1)) throw broken();
  return { count, lastBytes };
}

/** The plaintext of a range. The last chunk is opened first: it proves the size that the source claims. */
export async function* openChunkRange(
  cipher: StreamCipher,
  source: SealedSource,
  range: ByteRange,
): AsyncGenerator<Buffer> {
  const { count } = chunksOf(source.size);
  const read = async (from: number, to: number, memory?: Buffer): Promise<Buffer> => {
    const start = STREAM_HEADER_BYTES + from * SEALED_CHUNK_BYTES;
    const end = Math.min(STREAM_HEADER_BYTES + to * SEALED_CHUNK_BYTES, source.size);
    const sealed = bufferOf(await source.read(start, end, memory));
    if (sealed.length !== end - start) throw broken();
    return sealed;
  };
  const last = cipher.openChunk(count - 1, true, await read(count - 1, count));
  const end = Math.min(range.end, plaintextSize(source.size));
  const partOf = (plaintext: Buffer, index: number): Buffer => {
    const offset = index * CHUNK_BYTES;
    return plaintext.subarray(Math.max(0, range.start - offset), Math.max(0, end - offset));
  };
  let index = Math.floor(range.start / CHUNK_BYTES);
  for await (const sealed of readAhead(read, index, Math.min(count - 1, Math.ceil(end / CHUNK_BYTES)))) {
    const part = partOf(cipher.openChunk(index, false, sealed), index);
    index += 1;
    if (part.length > 0) yield part;
  }
  const rest = index === count - 1 ? partOf(last, index) : last.subarray(0, 0);
  if (rest.length > 0) yield rest;
}

/**
 * Sealed chunks in their order, each valid until the next is asked for. Some are read at a time, and the next
 * ones while these are opened.
 */
async function* readAhead(
  read: (from: number, to: number, memory: Buffer) => Promise<Buffer>,
  first: number,
  end: number,
): AsyncGenerator<Buffer> {
  const size = Math.min(CHUNKS_PER_READ, Math.max(0, end - first)) * SEALED_CHUNK_BYTES;
  // Each read takes the memory of the one before the last, whose chunks are opened by then.
  let [memory, other] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)];
  const begin = (from: number): Promise<Buffer> | null => {
    if (from >= end) return null;
    const reading = read(from, Math.min(from + CHUNKS_PER_READ, end), memory);
    [memory, other] = [other, memory];
    // Nobody waits for it when the reader stops before.
    reading.catch(() => undefined);
    return reading;
  };
  let from = first;
  for (let next = begin(from); next !== null;) {
    const chunks = await next;
    from += CHUNKS_PER_READ;
    next = begin(from);
    for (let start = 0; start < chunks.length; start += SEALED_CHUNK_BYTES)
      yield chunks.subarray(start, start + SEALED_CHUNK_BYTES);
  }
}
