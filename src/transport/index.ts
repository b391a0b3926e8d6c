/**
 * How connections come in: TLS, its certificates, and the word of trusted proxies. Promises: TLS 1.2 and 1.3
 * with forward secrecy alone; certificates change while connections stay, and a bad one never takes the
 * place of a good one; what is waited for has a deadline and a bound; only who connects from a named address
 * can say who its caller is, and in one way. Refuses renegotiation, version 1 of the PROXY protocol, and to
 * start with a certificate that cannot serve.
 */
export { isLoopback, plainAddress } from './addresses.ts';
export { clientCertificateOf } from './client-certificate.ts';
export { Entrance } from './entrance.ts';
export { openCertificates } from './open-certificates.ts';
export type { CertificateChoice, OpenCertificates } from './open-certificates.ts';
export type { KeyPairFiles } from './certificate-files.ts';
export type { Origin, TrustedProxies } from './trusted-proxies.ts';
export type { AcmeKeeper, Finding, TransportOptions } from './port.ts';
