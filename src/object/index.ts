/**
 * Immutable blobs by their SHA-256. Promises: what `put` returned is durable, and `get` gives those bytes or
 * an error, never others. Refuses names that are no hash. Objects too large for memory are streamed, under
 * random names; those are whole or not there.
 */
export { openFileObjectStore } from './files/file-object-store.ts';
export type { ObjectStore } from './port.ts';
export { openFileStreamedObjects } from './streamed/file-streamed-objects.ts';
export type { ObjectSink, StreamedObject, StreamedObjects } from './streamed/port.ts';
