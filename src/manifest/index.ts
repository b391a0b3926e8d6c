/**
 * The manifest of an app, `cordon.jsonc`: parsed once, with every problem named at its place, and every
 * default resolved. Refuses unknown and duplicate keys, and a route that does not say who may call it.
 */
export { parseManifest, placeInManifest } from './parse.ts';
export { manifestJsonSchema } from './check.ts';
export { typesOf } from './types-of.ts';
export { codeFrame } from './problem.ts';
export type { ManifestProblem } from './problem.ts';
export { nearest } from './suggest.ts';
export { METHODS } from './schema.ts';
export { BUCKET_OPERATIONS, KV_OPERATIONS, NO_GRANTS, QUEUE_OPERATIONS, SECRET_NAME } from './grants.ts';
export type {
  BucketGrant,
  ConnectGrant,
  FetchGrant,
  Grants,
  KvGrant,
  QueueGrant,
  SecretGrant,
  ServiceGrant,
} from './grants.ts';
export type {
  FunctionLimits,
  FunctionSpec,
  Manifest,
  ManifestInput,
  Method,
  ParsedManifest,
  RouteAuth,
  RouteSpec,
} from './schema.ts';
