export { MtlsAuthenticator } from './mtls-authenticator.ts';
export type { MtlsOptions } from './mtls-authenticator.ts';
export { checkMtls } from './authorities.ts';
