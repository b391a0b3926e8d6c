import type { BucketPlace, StoredObject } from '../capability/index.ts';
import { CordonError } from '../contract/index.ts';
import { newChecksum } from './auth/index.ts';
import type { Checksum, ChecksumAlgorithm, VerifiedBody } from './auth/index.ts';
import { S3Error } from './errors.ts';
import type { S3Services } from './port.ts';
import type { ByteRange } from './range.ts';

const READ_ATTEMPTS_MAX = 3;

/**
 * Finds an object and opens the part of it that `choose` names, or, where it names none, only finds it. Who
 * overtakes with a new object makes it look again. Errors: NoSuchKey, and what `choose` throws.
 */
export async function openObject(
  { buckets }: S3Services,
  place: BucketPlace,
  choose: (object: StoredObject) => ByteRange | null,
): Promise<{ readonly object: StoredObject; readonly bytes: AsyncIterable<Uint8Array> | null }> {
  for (let attempt = 1; ; attempt += 1) {
    const object = await buckets.head(place);
    if (object === null) throw new S3Error('NoSuchKey');
    const range = choose(object);
    if (range === null) return { object, bytes: null };
    try {
      return { object, bytes: await buckets.open(place, object, range) };
    } catch (thrown) {
      const replaced = thrown instanceof CordonError && thrown.code === 'CORDON_OBJECT_MISSING';
      if (!replaced || attempt >= READ_ATTEMPTS_MAX) throw thrown;
    }
  }
}

/**
 * The object that a copy is made of, once `choose` has judged it, and the part of it that is copied. Its bytes
 * are opened when the first of them is asked for; see `ending`.
 */
export async function copiedObject(
  { buckets }: S3Services,
  place: BucketPlace,
  choose: (object: StoredObject) => ByteRange,
): Promise<{ readonly object: StoredObject; readonly bytes: AsyncGenerator<Uint8Array> }> {
  const object = await buckets.head(place);
  if (object === null) throw new S3Error('NoSuchKey');
  const range = choose(object);
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield* await buckets.open(place, object, range);
  };
  return { object, bytes: open() };
}

/** Waits for work on bytes, and ends them whatever becomes of it: what is open behind them is closed. */
export async function ending<T>(bytes: AsyncGenerator<Uint8Array>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await bytes.return(undefined);
  }
}

/** Bytes of the host's own, as a body; with their checksum where an algorithm is named. */
export function ownBody(bytes: AsyncIterable<Uint8Array>, algorithm: ChecksumAlgorithm | null): VerifiedBody {
  const running = algorithm === null ? null : newChecksum(algorithm);
  let checksum: Checksum | null = null;
  return {
    get checksum() {
      return checksum;
    },
    async *[Symbol.asyncIterator]() {
      for await (const chunk of bytes) {
        running?.update(chunk);
        yield chunk;
      }
      if (running !== null && algorithm !== null)
        checksum = { algorithm, value: running.digest().toString('base64') };
    },
  };
}

/** The algorithm that a field names; null for none. Errors: InvalidArgument. */
export function algorithmOf(name: string | undefined): ChecksumAlgorithm | null {
  if (name === undefined) return null;
  const upper = name.toUpperCase();
  const found = (['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const).find(
    (known) => known === upper,
  );
  if (found === undefined) throw new S3Error('InvalidArgument', { reason: 'an unknown checksum algorithm' });
  return found;
}
