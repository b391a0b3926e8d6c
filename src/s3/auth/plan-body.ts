import { S3Error } from '../errors.ts';
import { CHECKSUMS, checksumIn, digestBytes } from './checksum.ts';
import type { Checksum, ChecksumAlgorithm, PayloadMode } from './port.ts';
import type { ShownSignature } from './signature.ts';

const SHA256 = /^[0-9a-f]{64}$/;
const LENGTH = /^\d{1,15}$/;
const MD5_BYTES = 16;
const CHECKSUM_PREFIX = 'x-amz-checksum-';
/** Fields that speak of checksums and hold none. */
const NO_CHECKSUM: ReadonlySet<string> = new Set([
  'x-amz-checksum-algorithm',
  'x-amz-checksum-mode',
  'x-amz-checksum-type',
]);

const STREAMING: ReadonlyMap<string, PayloadMode> = new Map([
  ['UNSIGNED-PAYLOAD', 'unsigned'],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'chunks'],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'chunks-trailer'],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'unsigned-trailer'],
]);

/** What each signature of a chunk is made with. */
export interface ChunkSigning {
  readonly key: Buffer;
  readonly shown: ShownSignature;
}

/** What a body has to be. */
export interface BodyPlan {
  readonly mode: PayloadMode;
  readonly fields: ReadonlyMap<string, string>;
  /** Null: not known, so that there may be no byte at all. */
  readonly bytes: number | null;
  /** Hexadecimal; null where it is not signed. */
  readonly sha256: string | null;
  readonly md5: Buffer | null;
  /** The checksum in the header. */
  readonly checksum: Checksum | null;
  /** The checksum that the trailer has to hold. */
  readonly trailer: ChecksumAlgorithm | null;
  readonly signing: ChunkSigning;
}

interface Signed {
  readonly method: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, string>;
  readonly payload: string;
  readonly isPresigned: boolean;
  readonly shown: ShownSignature;
  readonly key: Buffer;
}

/**
 * Reads from a request that is verified what its body has to be. Errors: InvalidArgument for a payload or a
 * framing that is not known; MissingContentLength; InvalidDigest and InvalidRequest for checksums that are no
 * such, or more than one; NotImplemented for those that are not known.
 */
export function planBody(signed: Signed): BodyPlan {
  const { fields, payload, shown, key } = signed;
  const mode = SHA256.test(payload) ? 'sha256' : STREAMING.get(payload);
  if (mode === undefined)
    throw new S3Error('InvalidArgument', {
      reason: 'x-amz-content-sha256 is neither a hash nor a known mark',
    });
  const isChunked = mode !== 'sha256' && mode !== 'unsigned';
  if (isChunked && signed.isPresigned)
    throw new S3Error('InvalidArgument', { reason: 'a presigned URL cannot ask for chunks' });
  const checksum = isOfWholeObject(signed) ? null : checksumInFields(fields);
  const trailer = trailerOf(mode, fields);
  if (checksum !== null && trailer !== null)
    throw new S3Error('InvalidRequest', {
      reason: 'there is a checksum in the header and one in the trailer',
    });
  return {
    mode,
    fields: withoutFraming(fields, isChunked),
    bytes: lengthOf(fields, isChunked),
    sha256: mode === 'sha256' ? payload : null,
    md5: md5Of(fields),
    checksum,
    trailer,
    signing: { key, shown },
  };
}

/** The completion of a multipart upload names the checksum of the object, not of its own body. */
function isOfWholeObject({ method, parameters }: Signed): boolean {
  return method === 'POST' && parameters.has('uploadId');
}

function lengthOf(fields: ReadonlyMap<string, string>, isChunked: boolean): number | null {
  const text = fields.get(isChunked ? 'x-amz-decoded-content-length' : 'content-length');
  if (text === undefined) {
    if (isChunked)
      throw new S3Error('MissingContentLength', { reason: 'x-amz-decoded-content-length is missing' });
    return null;
  }
  if (!LENGTH.test(text)) throw new S3Error('InvalidArgument', { reason: 'the length is no number' });
  return Number(text);
}

function md5Of(fields: ReadonlyMap<string, string>): Buffer | null {
  const text = fields.get('content-md5');
  if (text === undefined) return null;
  const md5 = digestBytes(text, MD5_BYTES);
  if (md5 === null) throw new S3Error('InvalidDigest', { reason: 'Content-MD5 is no MD5 in base64' });
  return md5;
}

function checksumInFields(fields: ReadonlyMap<string, string>): Checksum | null {
  let found: Checksum | null = null;
  for (const [field, value] of fields) {
    if (!field.startsWith(CHECKSUM_PREFIX) || NO_CHECKSUM.has(field)) continue;
    const algorithm = checksumIn(field);
    if (algorithm === undefined)
      throw new S3Error('NotImplemented', { reason: `the checksum ${field} is not known` });
    if (found !== null) throw new S3Error('InvalidRequest', { reason: 'there is more than one checksum' });
    if (digestBytes(value, CHECKSUMS[algorithm].bytes) === null)
      throw new S3Error('InvalidRequest', { reason: `${field} is no such checksum in base64` });
    found = { algorithm, value };
  }
  return found;
}

function trailerOf(mode: PayloadMode, fields: ReadonlyMap<string, string>): ChecksumAlgorithm | null {
  const announced = fields.get('x-amz-trailer');
  const isExpected = mode === 'chunks-trailer' || mode === 'unsigned-trailer';
  if (announced === undefined && !isExpected) return null;
  if (announced === undefined || !isExpected)
    throw new S3Error('MalformedTrailerError', {
      reason: 'x-amz-trailer and the payload do not go together',
    });
  const algorithm = checksumIn(announced.trim().toLowerCase());
  if (algorithm === undefined)
    throw new S3Error('NotImplemented', { reason: 'the trailer is not one known checksum' });
  return algorithm;
}

/** What an object is stored with says nothing of how it travelled. */
function withoutFraming(
  fields: ReadonlyMap<string, string>,
  isChunked: boolean,
): ReadonlyMap<string, string> {
  const codings = (fields.get('content-encoding') ?? '').split(',').map((coding) => coding.trim());
  const kept = codings.filter((coding) => coding.toLowerCase() !== 'aws-chunked');
  if (kept.length === codings.length) return fields;
  if (!isChunked)
    throw new S3Error('InvalidArgument', { reason: 'the body is aws-chunked, and its hash says it is not' });
  const rest = new Map(fields);
  rest.delete('content-encoding');
  if (kept.length > 0) rest.set('content-encoding', kept.join(','));
  return rest;
}
