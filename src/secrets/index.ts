/**
 * The secrets of projects. Promises: values are kept sealed and come out of `get` alone; what was set or
 * deleted is so for every `get` that begins afterwards. Refuses names that no grant could say, and values
 * that are empty, too large or no text. The file of the master key is exchanged here too, so that a change that
 * is interrupted leaves data that opens.
 */
export { openMasterKeyFile } from './master-key-file.ts';
export type { MasterKeyFile } from './master-key-file.ts';
export { SecretStore } from './secret-store.ts';
export type { SecretInfo, SecretStoreOptions } from './secret-store.ts';
