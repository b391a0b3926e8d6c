/** HTTP to granted destinations. See `createFetchCapability`. */
export { createFetchCapability } from './host.ts';
export type { FetchCapability, FetchOptions } from './host.ts';
export type { FetchTimeouts } from './agents.ts';
export type { FetchAnswer, FetchArgs } from './contract.ts';
