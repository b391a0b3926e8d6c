// oxlint-disable-next-line import/no-unassigned-import -- a polyfill is its effect
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { CertificateSet } from './certificate-set.ts';
import { parseKeyPair } from './key-pair.ts';
import type { TransportOptions } from './port.ts';

x509.cryptoProvider.set(webcrypto);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3600 * 1000;

/** A self-signed certificate and its key, in PEM. */
export interface MadePair {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes a certificate for names or addresses; it is valid from an hour ago for a day, unless told otherwise.
 * Without an issuer it is its own.
 */
export async function makePair(
  names: readonly string[],
  {
    from = Date.now() - HOUR_MS,
    to = Date.now() + 24 * HOUR_MS,
    issuer = null,
  }: { from?: number; to?: number; issuer?: MadePair | null } = {},
): Promise<MadePair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const subject = `CN=${names[0] ?? 'nobody'}`;
  const [der = new ArrayBuffer()] = issuer === null ? [] : x509.PemConverter.decode(issuer.key);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer === null ? subject : new x509.X509Certificate(issuer.certificate).subject,
    publicKey: keys.publicKey,
    signingKey:
      issuer === null
        ? keys.privateKey
        : await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']),
    notBefore: new Date(from),
    notAfter: new Date(to),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.:]+$/.test(value) ? 'ip' : 'dns', value })),
      ),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}

/** Certificates in memory, one for each list of names. */
export async function makeCertificates(...names: readonly (readonly string[])[]): Promise<CertificateSet> {
  const made = await Promise.all(names.map((list) => makePair(list)));
  return new CertificateSet(made.map((pair) => parseKeyPair({ name: 'test', ...pair }, Date.now())));
}

/** Puts a certificate for other names in the place of those that are shown. */
export async function renewFor(certificates: CertificateSet, names: readonly string[]): Promise<void> {
  const pair = await makePair(names);
  certificates.replace([parseKeyPair({ name: 'renewed', ...pair }, Date.now())]);
}

/** TLS for `localhost` and 127.0.0.1. */
export async function tlsTransport(asksClient = false): Promise<TransportOptions> {
  const certificates = await makeCertificates(['localhost', '127.0.0.1', 'shop.example']);
  return { tls: { certificates, wantsClientCertificates: () => asksClient }, proxy: null };
}

/** Signs what a request for a certificate asks for. */
export async function issueFor(
  csr: x509.Pkcs10CertificateRequest,
  names: readonly string[],
  issuer: MadePair,
  lifeMs: number,
): Promise<string> {
  const [der = new ArrayBuffer()] = x509.PemConverter.decode(issuer.key);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: csr.subject,
    issuer: new x509.X509Certificate(issuer.certificate).subject,
    publicKey: csr.publicKey,
    signingKey: await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']),
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + lifeMs),
    signingAlgorithm: ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  return `${certificate.toString('pem')}\n`;
}
