import { createHash, timingSafeEqual } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { CordonError } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';
import { CHECKSUMS, digestBytes, newChecksum } from './checksum.ts';
import type { RunningChecksum } from './checksum.ts';
import { ChunkedBody } from './chunked-body.ts';
import type { BodyPlan } from './plan-body.ts';
import type { Checksum, VerifiedBody } from './port.ts';

/** Takes a body as it arrives, and gives what it holds when it keeps `plan`. */
export function verifiedBody(plan: BodyPlan, source: AsyncIterable<Uint8Array>): VerifiedBody {
  return new CheckedBody(plan, source);
}

class CheckedBody implements VerifiedBody {
  readonly #plan: BodyPlan;
  readonly #source: AsyncIterable<Uint8Array>;
  #checksum: Checksum | null = null;
  #isTaken = false;

  constructor(plan: BodyPlan, source: AsyncIterable<Uint8Array>) {
    this.#plan = plan;
    this.#source = source;
  }

  get checksum(): Checksum | null {
    return this.#checksum;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.#isTaken) throw new CordonError('CORDON_INTERNAL', 'A body can be read once.');
    this.#isTaken = true;
    const { mode, bytes } = this.#plan;
    const chunked =
      mode === 'sha256' || mode === 'unsigned' ? null : new ChunkedBody(this.#plan, this.#source);
    const digests = new Digests(this.#plan);
    let left = bytes ?? 0;
    for await (const piece of chunked ?? this.#source) {
      if (piece.length === 0) continue;
      if (bytes === null) throw new S3Error('MissingContentLength');
      left -= piece.length;
      if (left < 0) throw new S3Error('IncompleteBody', { reason: 'the body is longer than announced' });
      digests.update(piece);
      yield piece;
    }
    if (left > 0) throw new S3Error('IncompleteBody', { reason: 'the body is shorter than announced' });
    this.#checksum = digests.verified(chunked?.trailer ?? null);
  }
}

/** The hashes and checksums of one body that somebody vouches for. */
class Digests {
  readonly #plan: BodyPlan;
  readonly #sha256: Hash | null;
  readonly #md5: Hash | null;
  readonly #checksum: RunningChecksum | null;

  constructor(plan: BodyPlan) {
    const algorithm = plan.checksum?.algorithm ?? plan.trailer;
    this.#plan = plan;
    this.#sha256 = plan.sha256 === null ? null : createHash('sha256');
    this.#md5 = plan.md5 === null ? null : createHash('md5');
    this.#checksum = algorithm === null ? null : newChecksum(algorithm);
  }

  update(piece: Uint8Array): void {
    this.#sha256?.update(piece);
    this.#md5?.update(piece);
    this.#checksum?.update(piece);
  }

  /** The checksum that was given. Errors: XAmzContentSHA256Mismatch, BadDigest, MalformedTrailerError. */
  verified(inTrailer: string | null): Checksum | null {
    const { sha256, md5, checksum, trailer } = this.#plan;
    if (this.#sha256 !== null && sha256 !== null && this.#sha256.digest('hex') !== sha256)
      throw new S3Error('XAmzContentSHA256Mismatch');
    if (this.#md5 !== null && md5 !== null && !timingSafeEqual(this.#md5.digest(), md5))
      throw new S3Error('BadDigest', { reason: 'Content-MD5 is of another body' });
    const given = trailer === null ? checksum : { algorithm: trailer, value: inTrailer ?? '' };
    if (given === null || this.#checksum === null) return null;
    const right = this.#checksum.digest();
    const shown = digestBytes(given.value, CHECKSUMS[given.algorithm].bytes);
    if (shown === null) throw new S3Error('MalformedTrailerError', { reason: 'it holds no such checksum' });
    if (!timingSafeEqual(right, shown))
      throw new S3Error('BadDigest', { reason: `${given.algorithm} is of another body` });
    return given;
  }
}
