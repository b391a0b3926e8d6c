import { createHash } from 'node:crypto';
import { hmac, scopeText, sha256 } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';
import { ByteReader } from './byte-reader.ts';
import { CHECKSUMS } from './checksum.ts';
import type { BodyPlan, ChunkSigning } from './plan-body.ts';
import { isSameSignature } from './signature.ts';

const UNSIGNED_LINE = /^([0-9a-fA-F]{1,12})$/;
const SIGNED_LINE = /^([0-9a-fA-F]{1,12});chunk-signature=([0-9a-f]{64})$/;
const SIGNATURE = /^[0-9a-f]{64}$/;
const TRAILER_SIGNATURE = 'x-amz-trailer-signature';
const EMPTY_SHA256 = sha256('');

interface ChunkHead {
  readonly bytes: number;
  readonly signature: string | null;
}

/**
 * The bytes in `aws-chunked` framing. Promises: each chunk's signature and that of the trailer go on from the
 * one before, so that none can be changed, left out, repeated or moved; nothing follows the end.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and …/sigv4-streaming-trailers.html
 */
export class ChunkedBody implements AsyncIterable<Uint8Array> {
  readonly #plan: BodyPlan;
  readonly #reader: ByteReader;
  readonly #signatures: ChunkSignatures | null;
  #trailer: string | null = null;

  constructor(plan: BodyPlan, source: AsyncIterable<Uint8Array>) {
    this.#plan = plan;
    this.#reader = new ByteReader(source);
    this.#signatures = plan.mode === 'unsigned-trailer' ? null : new ChunkSignatures(plan.signing);
  }

  /** The checksum in the trailer, in base64; null before the end, or without one. */
  get trailer(): string | null {
    return this.#trailer;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      let left = this.#plan.bytes ?? 0;
      let before = Number.POSITIVE_INFINITY;
      for (;;) {
        const { bytes, signature } = await this.#head();
        if (bytes > left) throw incomplete('the chunks hold more than was announced');
        if (bytes > 0 && this.#signatures !== null && before < LIMITS.s3ChunkBytesMin.value)
          throw new S3Error('InvalidChunkSizeError');
        yield* this.#chunk(bytes, signature);
        if (bytes === 0) break;
        left -= bytes;
        before = bytes;
      }
      if (left > 0) throw incomplete('the chunks hold less than was announced');
      await this.#readTrailer();
      if (!(await this.#reader.isAtEnd())) throw incomplete('something follows the last chunk');
    } finally {
      await this.#reader.close();
    }
  }

  async #head(): Promise<ChunkHead> {
    const line = await this.#reader.line(LIMITS.s3ChunkLineBytesMax.value);
    const form = this.#signatures === null ? UNSIGNED_LINE : SIGNED_LINE;
    const [, bytes, signature = null] = form.exec(line) ?? [];
    if (bytes === undefined)
      throw new S3Error('InvalidRequest', { reason: 'the line before a chunk is malformed' });
    return { bytes: Number.parseInt(bytes, 16), signature };
  }

  /** The bytes of one chunk; the last one has none, and no line end of its own before the trailer. */
  async *#chunk(bytes: number, signature: string | null): AsyncGenerator<Uint8Array> {
    const hash = this.#signatures === null ? null : createHash('sha256');
    for (let left = bytes; left > 0;) {
      const piece = await this.#reader.some(left);
      left -= piece.length;
      hash?.update(piece);
      yield piece;
    }
    if (bytes > 0 && (await this.#reader.line(0)) !== '')
      throw new S3Error('InvalidRequest', { reason: 'a chunk is longer than it says' });
    if (hash !== null && signature !== null) this.#signatures?.chunk(hash.digest('hex'), signature);
  }

  async #readTrailer(): Promise<void> {
    const lines = new Map<string, string>();
    let left = LIMITS.s3TrailerBytesMax.value;
    for (;;) {
      const line = await this.#reader.line(left);
      if (line === '') break;
      left = Math.max(0, left - line.length);
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
      if (name === '' || lines.has(name))
        throw malformed('a line of the trailer is malformed or there twice');
      lines.set(name, line.slice(colon + 1).trim());
    }
    const { trailer, mode } = this.#plan;
    const field = trailer === null ? null : CHECKSUMS[trailer].field;
    const expected = field === null ? [] : mode === 'chunks-trailer' ? [field, TRAILER_SIGNATURE] : [field];
    if (lines.size !== expected.length || !expected.every((name) => lines.has(name)))
      throw malformed('the trailer is not the one that was announced');
    if (field === null) return;
    const value = lines.get(field) ?? '';
    if (mode === 'chunks-trailer')
      this.#signatures?.trailer(`${field}:${value}\n`, lines.get(TRAILER_SIGNATURE) ?? '');
    this.#trailer = value;
  }
}

/** Signatures of which each is over the one before; the first is that of the request. */
class ChunkSignatures {
  readonly #key: Buffer;
  readonly #time: string;
  readonly #scope: string;
  #previous: string;

  constructor({ key, shown }: ChunkSigning) {
    this.#key = key;
    this.#time = shown.time;
    this.#scope = scopeText(shown.credential.scope);
    this.#previous = shown.signature;
  }

  /** Errors: SignatureDoesNotMatch. */
  chunk(hash: string, signature: string): void {
    this.#check('AWS4-HMAC-SHA256-PAYLOAD', [EMPTY_SHA256, hash], signature);
  }

  /** Errors: SignatureDoesNotMatch, MalformedTrailerError. */
  trailer(text: string, signature: string): void {
    if (!SIGNATURE.test(signature)) throw malformed('the signature of the trailer is malformed');
    // A field's bytes, as they arrived.
    this.#check('AWS4-HMAC-SHA256-TRAILER', [sha256(Buffer.from(text, 'latin1'))], signature);
  }

  #check(algorithm: string, hashes: readonly string[], signature: string): void {
    const text = [algorithm, this.#time, this.#scope, this.#previous, ...hashes].join('\n');
    if (!isSameSignature(hmac(this.#key, text), signature))
      throw new S3Error('SignatureDoesNotMatch', { reason: 'the signature of a chunk or trailer is wrong' });
    this.#previous = signature;
  }
}

function incomplete(reason: string): S3Error {
  return new S3Error('IncompleteBody', { reason });
}

function malformed(reason: string): S3Error {
  return new S3Error('MalformedTrailerError', { reason });
}
