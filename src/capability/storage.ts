import type { SealedPlace, Vault } from '../vault/index.ts';
import { BucketCapability } from './bucket/host.ts';
import { MultipartUploads } from './bucket/multipart.ts';
import type { BucketAdmission } from './bucket/admission.ts';
import type { BucketObjects } from './bucket/objects.ts';
import { RejectedObjects } from './bucket/rejected.ts';
import { Contents } from './contents.ts';
import type { StorageEnvironment } from './environment.ts';
import { KvCapability } from './kv/host.ts';
import type { KvOptions } from './kv/host.ts';
import type { KvPlace } from './kv/values.ts';
import type { Capability } from './port.ts';
import { QueueCapability } from './queue/host.ts';
import { sealedPlacesOf } from './resealing.ts';

/** The capabilities that keep data: kv, bucket and queue. */
export interface StorageCapabilities {
  readonly capabilities: readonly Capability[];
  /** The objects of buckets, as the bucket capability has them. */
  readonly objects: BucketObjects;
  /** Objects that were not let into their bucket. */
  readonly rejected: RejectedObjects;
  /** Uploads of objects in parts. */
  readonly uploads: MultipartUploads;
  /** A kv value as the host reads it; see `KvCapability.readJson`. */
  readKvJson(place: KvPlace): unknown;
  /** Everything that they keep sealed, for `Vault.reseal`. */
  sealedPlaces(vault: Vault): readonly SealedPlace[];
  /** Removes kv keys that have expired, as happens by itself now and then. Returns how many. */
  sweep(): Promise<number>;
  /** Stops what runs in the background. Close it before the store. */
  close(): Promise<void>;
}

/**
 * Opens them, after finishing what a crash left half-done. Errors: those of the store and of the objects.
 */
export async function openStorageCapabilities(
  environment: StorageEnvironment,
  options: {
    readonly kv?: KvOptions;
    /** What new objects of buckets have to pass. Default: nothing. */
    readonly admission?: BucketAdmission;
  } = {},
): Promise<StorageCapabilities> {
  const contents = new Contents(environment);
  await contents.recover();
  const kv = new KvCapability(environment, contents, options.kv);
  const rejected = new RejectedObjects(environment, contents);
  const { admission } = options;
  const inspection = admission === undefined ? null : { admission, rejected };
  const bucket = new BucketCapability(environment, contents, inspection);
  return {
    objects: bucket.objects,
    rejected,
    uploads: new MultipartUploads(environment, contents),
    capabilities: [kv, bucket, new QueueCapability(environment)],
    readKvJson: (place) => kv.readJson(place),
    sealedPlaces: (vault) => sealedPlacesOf(environment, vault, () => contents.collect()),
    sweep: () => kv.sweep(),
    async close() {
      kv.close();
      rejected.close();
      await contents.settled();
    },
  };
}
