/** The halves of the capabilities that guest code uses. They have no types of Node and decide nothing. */
export { KVNamespace } from './kv/guest.ts';
export { R2Bucket } from './bucket/guest.ts';
export { Queue } from './queue/guest.ts';
export { Fetcher } from './service/guest.ts';
export { Pipe } from './pipe/guest.ts';
export { installFetch } from './fetch/guest.ts';
export { installNodeHttp } from './fetch/guest-http.ts';
export { installConnect } from './connect/guest.ts';
export { patchBuiltin } from './guest-modules.ts';
export type { GuestCaller, GuestCallResult } from './guest-port.ts';
