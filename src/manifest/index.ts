/**
 * The manifest of an app, `cordon.jsonc`: parsed once, with every problem named at its place, and every
 * default resolved. Refuses unknown and duplicate keys, and a route that does not say who may call it.
 */
export { parseManifest, placeInManifest } from './parse.ts';
export { manifestJsonSchema } from './check.ts';
export { typesOf } from './types-of.ts';
export { canonicalHost, isCanonicalHost } from './host-name.ts';
export {
  defaultPort,
  isOpenPattern,
  matchesOrigin,
  parseTcpService,
  parseUrlPattern,
} from './destination.ts';
export type { TcpService, UrlPattern } from './destination.ts';
export { handlersNeeded, missingHandlers } from './handlers.ts';
export type { HandlerNeed } from './handlers.ts';
export { codeFrame } from './problem.ts';
export type { ManifestProblem } from './problem.ts';
export { nearest } from './suggest.ts';
export { acceptsContentType } from './content-types.ts';
export { CronTimes } from './cron.ts';
export { METHODS, SECURITY_HEADERS } from './route.ts';
export { readStoredManifest, ROUTE_DEFAULTS } from './stored.ts';
export { manifestFiles, withFiles } from './files.ts';
export { AUTH_KINDS, JWT_ALGORITHMS, NO_AUTH } from './auth.ts';
export { BUCKET_OPERATIONS, KV_OPERATIONS, NO_GRANTS, QUEUE_OPERATIONS, SECRET_NAME } from './grants.ts';
export type {
  BucketGrant,
  ConnectGrant,
  FetchGrant,
  Grants,
  KvGrant,
  PipeGrant,
  QueueGrant,
  SecretGrant,
  ServiceGrant,
} from './grants.ts';
export type {
  ApiKeySpec,
  Attributes,
  AttributeType,
  AuthKind,
  AuthSpec,
  JwtAlgorithm,
  JwtSpec,
  MtlsSpec,
  NamedAuth,
  OidcSpec,
  RouteAuth,
  WebhookScheme,
  WebhookSpec,
} from './auth.ts';
export type {
  AllowSpec,
  ConcurrencySpec,
  CorsSpec,
  Method,
  Per,
  RateSpec,
  ResourceSpec,
  RouteSpec,
  SecurityHeader,
} from './route.ts';
export type {
  CronSource,
  DeliverySpec,
  PipeSource,
  QueueSource,
  SourceSpec,
  UploadSource,
} from './sources.ts';
export type { FunctionLimits, FunctionSpec, Manifest, ManifestInput, ParsedManifest } from './schema.ts';
