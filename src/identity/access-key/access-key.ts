import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Secret } from '../../contract/index.ts';

/** What a key may let do with objects; reading the head of one counts as `get`. */
export const ACCESS_OPERATIONS = ['get', 'put', 'delete', 'list'] as const;
export type AccessOperation = (typeof ACCESS_OPERATIONS)[number];

const BUCKET = /^[a-z][a-z0-9-]{0,62}$/;

/** What a key is for. */
export interface AccessScope {
  /** At least one, by name. */
  readonly buckets: readonly string[];
  /** What the keys of objects have to start with; empty: any. */
  readonly prefix: string;
  /** At least one. */
  readonly can: readonly AccessOperation[];
}

/** What may be known of a key: all but its secret. Times in ms since the epoch. */
export interface AccessKeyInfo extends AccessScope {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly createdAt: number;
  /** Null: never. */
  readonly expiresAt: number | null;
  /** Null: never, or not since it was last written, which is done once a minute. */
  readonly usedAt: number | null;
}

export interface NewAccessKey extends AccessScope {
  readonly project: string;
  readonly name: string;
  readonly expiresAt: number | null;
}

/** A key with what its signatures are checked with. */
export interface AccessKey extends AccessKeyInfo {
  readonly secret: Secret;
}

/** What somebody wants to do: with the object `key`, or with those that a list of `prefix` would show. */
export interface AccessUse {
  readonly operation: AccessOperation;
  readonly bucket: string;
  readonly key?: string;
  readonly prefix?: string;
}

/** Whether a scope lets do this. A list, or a use of the bucket itself, is of all keys where it names no prefix. */
export function scopeAllows(scope: AccessScope, { operation, bucket, key, prefix }: AccessUse): boolean {
  return (
    scope.can.includes(operation) &&
    scope.buckets.includes(bucket) &&
    (key ?? prefix ?? '').startsWith(scope.prefix)
  );
}

/** Errors: CORDON_ACCESS_KEY_INVALID. `now`: ms since the epoch. */
export function checkNewAccessKey(
  { name, buckets, prefix, can, expiresAt }: NewAccessKey,
  now: number,
): void {
  const nameBytes = Buffer.byteLength(name);
  const nameMost = LIMITS.accessKeyNameBytesMax.value;
  if (nameBytes === 0 || nameBytes > nameMost || !name.isWellFormed() || /\p{Cc}/u.test(name))
    throw invalid(`its name has to be 1 to ${nameMost} bytes of plain text`);
  const bucketsMost = LIMITS.accessKeyBucketsMax.value;
  if (buckets.length === 0 || buckets.length > bucketsMost || !buckets.every((bucket) => BUCKET.test(bucket)))
    throw invalid(`it has to name 1 to ${bucketsMost} buckets`);
  const prefixMost = LIMITS.bucketKeyBytesMax.value;
  if (Buffer.byteLength(prefix) > prefixMost || !prefix.isWellFormed())
    throw invalid(`its prefix has to be at most ${prefixMost} bytes of text`);
  if (can.length === 0 || !can.every((operation) => ACCESS_OPERATIONS.includes(operation)))
    throw invalid(`it has to name what it can do: ${ACCESS_OPERATIONS.join(', ')}`);
  if (expiresAt !== null && !(Number.isSafeInteger(expiresAt) && expiresAt > now))
    throw invalid('it would have expired already');
}

export function invalid(why: string): CordonError {
  return new CordonError('CORDON_ACCESS_KEY_INVALID', `Cannot make this access key: ${why}.`);
}
