/**
 * Immutable blobs by their SHA-256. Promises: what `put` returned is durable, and `get` gives those bytes or
 * an error, never others. Refuses names that are no hash.
 */
export { openFileObjectStore } from './files/file-object-store.ts';
export type { ObjectStore } from './port.ts';
