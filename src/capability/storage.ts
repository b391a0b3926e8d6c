import type { SealedPlace, Vault } from '../vault/index.ts';
import { BucketCapability } from './bucket/host.ts';
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
  options: { readonly kv?: KvOptions } = {},
): Promise<StorageCapabilities> {
  const contents = new Contents(environment);
  await contents.recover();
  const kv = new KvCapability(environment, contents, options.kv);
  return {
    capabilities: [kv, new BucketCapability(environment, contents), new QueueCapability(environment)],
    readKvJson: (place) => kv.readJson(place),
    sealedPlaces: (vault) => sealedPlacesOf(environment, vault, () => contents.collect()),
    sweep: () => kv.sweep(),
    async close() {
      kv.close();
      await contents.settled();
    },
  };
}
