/**
 * Who calls. Each authenticator of an app judges what a request shows and vouches for its caller, or lets
 * nobody in; from outside all failures look alike. Promises: what was withdrawn (a key of an issuer, an API
 * key, a login) stops working within a time that is named; what is kept in memory is bounded, whoever asks and
 * however often. Refuses whatever cannot be judged, and keys that a token brings along.
 */
export type {
  Authenticator,
  Caller,
  ClaimValue,
  ClientCertificate,
  Credentials,
  KnownCaller,
  Verdict,
} from './port.ts';
export { REASONS } from './reasons.ts';
export { FailureCounter, sourceOf } from './failures.ts';
export type { Stuffing } from './failures.ts';
export type { KeySet, KeySetHealth } from './jwt/key-set.ts';
export { IssuerClient } from './jwt/issuer-client.ts';
export type { IssuerClientOptions } from './jwt/issuer-client.ts';
export { KeySets } from './jwt/key-sets.ts';
export type { KeySetsOptions, KeySource } from './jwt/key-sets.ts';
export { JwtAuthenticator, checkJwt } from './jwt/jwt-authenticator.ts';
export type { JwtAuthenticatorOptions } from './jwt/jwt-authenticator.ts';
export { MtlsAuthenticator, checkMtls } from './mtls/index.ts';
export type { MtlsOptions } from './mtls/index.ts';
export { WebhookAuthenticator } from './webhook/index.ts';
export { ReplayCache } from './replay-cache.ts';
export type { WebhookOptions } from './webhook/index.ts';
export { ApiKeyStore } from './api-key/api-key-store.ts';
export type { ApiKeyInfo, ApiKeyStoreOptions, KeyRealm, NewApiKey } from './api-key/api-key-store.ts';
export { AccessKeyStore } from './access-key/access-key-store.ts';
export type { AccessKeyStoreOptions } from './access-key/access-key-store.ts';
export { ACCESS_OPERATIONS, scopeAllows } from './access-key/access-key.ts';
export type {
  AccessKey,
  AccessKeyInfo,
  AccessOperation,
  AccessScope,
  AccessUse,
  NewAccessKey,
} from './access-key/access-key.ts';
export { ApiKeyAuthenticator } from './api-key/api-key-authenticator.ts';
export type { ApiKeyAuthenticatorOptions } from './api-key/api-key-authenticator.ts';
export type {
  BrowserCredentials,
  EndedSessionsOptions,
  LoginAnswer,
  LoginRequest,
  OidcAuthenticatorOptions,
  OidcLoginOptions,
} from './oidc/index.ts';
export {
  EndedSessions,
  OidcAuthenticator,
  OidcLogin,
  checkOidc,
  isNavigation,
  isOwnCookie,
  withoutOwnCookies,
} from './oidc/index.ts';
