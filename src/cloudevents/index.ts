/**
 * CloudEvents 1.0.2 over HTTP, both ways: binary, structured (JSON) and batched. Promises: what is read has been
 * checked attribute by attribute, no two readers could make two events of it, and what is written reads back the
 * same. Refuses whole batches for one bad event and says where it is; attributes that start with `cordon` and types
 * that start with `cordon.`, which are the platform's; formats other than JSON.
 */
export { readCloudEvents } from './read.ts';
export type { EventMessage } from './read.ts';
export { writeBatch, writeCloudEvent } from './write.ts';
export type { WrittenEvent } from './write.ts';
export { eventJson } from './json-format.ts';
export { isAttributeText, isPlatformAttribute } from './attributes.ts';
