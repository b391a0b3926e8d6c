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

  sealChunk(index: number, isLast: boolean, plaintext: Buffer): Buffer {
    this.#checkAlive();
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#nonceOf(index, isLast), {
      authTagLength: TAG_BYTES,
    });
    cipher.setAAD(this.#associated);
    const sealed = Buffer.allocUnsafeSlow(plaintext.length + TAG_BYTES);
    cipher.update(plaintext).copy(sealed);
    cipher.final();
    cipher.getAuthTag().copy(sealed, plaintext.length);
    return sealed;
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
    yield cipher.sealChunk(index, isLast, bytes);
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
  const readChunk = async (index: number): Promise<Buffer> => {
    const start = STREAM_HEADER_BYTES + index * SEALED_CHUNK_BYTES;
    const end = Math.min(start + SEALED_CHUNK_BYTES, source.size);
    const sealed = bufferOf(await source.read(start, end));
    if (sealed.length !== end - start) throw broken();
    return cipher.openChunk(index, index === count - 1, sealed);
  };
  const last = await readChunk(count - 1);
  const end = Math.min(range.end, plaintextSize(source.size));
  for (let index = Math.floor(range.start / CHUNK_BYTES); index * CHUNK_BYTES < end; index += 1) {
    const plaintext = index === count - 1 ? last : await readChunk(index);
    const offset = index * CHUNK_BYTES;
    const part = plaintext.subarray(Math.max(0, range.start - offset), end - offset);
    if (part.length > 0) yield part;
  }
}
