import { createHash } from 'node:crypto';
import type { BucketPlace, ObjectDetail, StoredObject } from '../capability/index.ts';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { VerifiedBody } from './auth/index.ts';
import type { ConditionedState } from './conditions.ts';
import { S3Error } from './errors.ts';
import type { ObjectMetadata } from './object-fields.ts';
import type { S3Call, S3Services } from './port.ts';

/** Why an object or part that is too large is not taken. */
export function tooLarge(): CordonError {
  return new CordonError('CORDON_BUCKET_OBJECT_TOO_LARGE');
}

/** How an object is stored. */
export interface Storing {
  readonly metadata: ObjectMetadata;
  /** Throws where it does not hold; asked before the bytes are taken, and again when they are there. */
  readonly condition: ((current: ConditionedState | null) => void) | null;
  /** Bytes of the body, where the request says how many. */
  readonly bytes: number | null;
  /** Id of the access key. */
  readonly actor: string;
}

/** Stores what a client sends, whole or not at all. Its ETag is its MD5. Errors: those of the body and the condition. */
export async function storeBody(
  { buckets }: S3Services,
  place: BucketPlace,
  body: () => VerifiedBody,
  { metadata, condition, bytes, actor }: Storing,
): Promise<StoredObject> {
  const bytesMax = LIMITS.bucketObjectBytesMax.value;
  if (bytes !== null && bytes > bytesMax) throw new S3Error('EntityTooLarge');
  if (condition !== null) condition(currentState(await buckets.head(place)));
  const read = body();
  const md5 = createHash('md5');
  const detail = (): ObjectDetail => {
    const etag = md5.digest('hex');
    const transferChecksum =
      read.checksum === null ? {} : { transferChecksum: { ...read.checksum, type: 'full' as const } };
    return { etag, checksums: { md5: etag }, ...metadata, ...transferChecksum };
  };
  return stored(
    await buckets.put(place, read, {
      bytesMax,
      tooLarge,
      onChunk: (chunk) => md5.update(chunk),
      guard: guardOf(condition),
      detail,
      // From outside: nothing of Cordon set it off.
      origin: { hops: 0, actor },
    }),
  );
}

/** A condition as the guard of a write. */
export function guardOf(condition: Storing['condition']): ((current: StoredObject | null) => boolean) | null {
  if (condition === null) return null;
  return (current) => {
    condition(currentState(current));
    return true;
  };
}

/** The object that was written; its guard throws rather than to say no. */
export function stored(object: StoredObject | null): StoredObject {
  if (object === null) throw new CordonError('CORDON_INTERNAL', 'A write was held back without a reason.');
  return object;
}

/** What conditions are asked of. */
export function stateOf({ detail, uploaded }: StoredObject): ConditionedState {
  return { etag: detail.etag, uploaded };
}

function currentState(object: StoredObject | null): ConditionedState | null {
  return object === null ? null : stateOf(object);
}

/** The object that a request is about. */
export function placeOf({ caller, bucket, key }: S3Call): BucketPlace {
  return { project: caller.project, bucket, key };
}
