/**
 * Encryption at rest. Promises: what is sealed says nothing but its length, opens only in its project and at
 * its place, and any change to it, or a cut, is found; each project has data keys of its own, which only the
 * master key unwraps; keys rotate while all goes on; a shredded project is gone for good. It does not hide
 * lengths, which keys are used, or that an older value was put back in the same place. Refuses a master key
 * that others can read, and key services without TLS.
 */
export { openVault } from './vault.ts';
export type { VaultOptions } from './vault.ts';
export type {
  ByteRange,
  KeyContext,
  KeyedName,
  KeyWrapper,
  MasterRotationProgress,
  ResealProgress,
  Rewritten,
  SealedItem,
  SealedPlace,
  SealedSource,
  Vault,
  WorkOptions,
} from './port.ts';
export { placeOf, sealedVersion } from './format.ts';
export { plaintextSize } from './stream-cipher.ts';
export { sealedColumnPlace, sealedValuesPlace } from './sealed-column.ts';
export type { SealedColumn, SealedValue, SealedValues } from './sealed-column.ts';
export { UNSEALED, textSealer } from './text-sealer.ts';
export type { TextSealer } from './text-sealer.ts';
export { sealedObjectStore } from './sealed-object-store.ts';
export type { SealedObjectStore, SealedObjectStoreOptions } from './sealed-object-store.ts';
export { openFileKeyWrapper } from './wrapper/file-key-wrapper.ts';
export type { FileKeyOptions } from './wrapper/file-key-wrapper.ts';
export { takeEnvironmentKeyWrapper } from './wrapper/environment-key-wrapper.ts';
export { commandKeyWrapper } from './wrapper/command-key-wrapper.ts';
export type { CommandKeyOptions } from './wrapper/command-key-wrapper.ts';
export { transitKeyWrapper } from './wrapper/transit-key-wrapper.ts';
export type { TransitKeyOptions } from './wrapper/transit-key-wrapper.ts';
export { awsKeyWrapper } from './wrapper/aws-key-wrapper.ts';
export type { AwsKeyOptions } from './wrapper/aws-key-wrapper.ts';
