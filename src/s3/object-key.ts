import { LIMITS } from '../contract/index.ts';
import { S3Error } from './errors.ts';

/** As the manifest has the names of buckets. */
const BUCKET_NAME = /^[a-z][a-z0-9-]{0,62}$/;
// What a terminal, a log or a page would show in another order than it is.
const BIDI_CONTROL = /[\u{200E}\u{200F}\u{202A}-\u{202E}\u{2066}-\u{2069}]/u;
// oxlint-disable-next-line no-control-regex -- they are what is refused
const CONTROL = /[\u{0}-\u{1F}\u{7F}-\u{9F}]/u;

/** Errors: InvalidBucketName. */
export function checkBucket(name: string): string {
  if (!BUCKET_NAME.test(name)) throw new S3Error('InvalidBucketName');
  return name;
}

/**
 * A key as the endpoint takes it: 1 to `bucketKeyBytesMax` bytes of well-formed text, without control and
 * bidirectional control characters, and without `..` as a whole segment, which clients that write files would
 * follow. Errors: KeyTooLongError, InvalidArgument.
 */
export function checkKey(key: string): string {
  if (key === '') throw new S3Error('InvalidArgument', { reason: 'an empty key' });
  if (Buffer.byteLength(key) > LIMITS.bucketKeyBytesMax.value) throw new S3Error('KeyTooLongError');
  const problem = textProblem(key);
  if (problem !== null) throw new S3Error('InvalidArgument', { reason: `a key with ${problem}` });
  if (key.split('/').includes('..')) throw new S3Error('InvalidArgument', { reason: 'a key with `..`' });
  return key;
}

/** A prefix, delimiter or marker: as keys, but it may be empty, and a part of a key. Errors as of `checkKey`. */
export function checkKeyPart(text: string): string {
  if (Buffer.byteLength(text) > LIMITS.bucketKeyBytesMax.value) throw new S3Error('KeyTooLongError');
  const problem = textProblem(text);
  if (problem !== null) throw new S3Error('InvalidArgument', { reason: `a text with ${problem}` });
  return text;
}

function textProblem(text: string): string | null {
  if (!text.isWellFormed()) return 'lone surrogates';
  if (CONTROL.test(text)) return 'control characters';
  return BIDI_CONTROL.test(text) ? 'bidirectional control characters' : null;
}
