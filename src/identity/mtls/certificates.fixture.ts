import { KeyObject, X509Certificate as NodeCertificate, randomBytes } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
// Before the library, which asks for it at once.
// oxlint-disable-next-line import/no-unassigned-import -- it patches Reflect and exports nothing
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const HOUR_MS = 3_600_000;

export type KeyKind = 'ed25519' | 'p256' | 'p384' | 'rsa2048' | 'rsa1024' | 'pss2048';

/** The hash of RSA belongs to the key, that of ECDSA to each signature. */
function algorithmOf(
  kind: KeyKind,
  hash: string,
): webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams | webcrypto.Algorithm {
  switch (kind) {
    case 'ed25519':
      return { name: 'Ed25519' };
    case 'p256':
      return { name: 'ECDSA', namedCurve: 'P-256' };
    case 'p384':
      return { name: 'ECDSA', namedCurve: 'P-384' };
    case 'rsa2048':
      return rsa('RSASSA-PKCS1-v1_5', 2048, hash);
    case 'rsa1024':
      return rsa('RSASSA-PKCS1-v1_5', 1024, hash);
    case 'pss2048':
      return rsa('RSA-PSS', 2048, hash);
  }
}

function rsa(name: string, modulusLength: number, hash: string): webcrypto.RsaHashedKeyGenParams {
  return { name, modulusLength, publicExponent: new Uint8Array([1, 0, 1]), hash };
}

type SubjectName = x509.JsonName;
type AlternativeName = x509.JsonGeneralName;

export interface CertificateOptions {
  /** Common name, or the whole name as JSON. Default: none for a client, `authority` for an authority. */
  readonly subject?: string | SubjectName;
  readonly names?: readonly AlternativeName[];
  /** Default `ed25519`. */
  readonly key?: KeyKind;
  /** Default: an hour ago, and in an hour. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Of signatures: for ECDSA of the one on this certificate, for RSA of those that its key makes. Default SHA-256. */
  readonly hash?: string;
  /** Basic constraints; `null` leaves them out. Default: what the function says. */
  readonly authority?: boolean | null;
  readonly pathLength?: number;
  /** Null leaves the key usage out. */
  readonly usage?: x509.KeyUsageFlags | null;
  /** Object identifiers; null leaves the extended key usage out. Default for clients: clientAuth. */
  readonly purposes?: readonly string[] | null;
  /** More extensions. */
  readonly extensions?: readonly x509.Extension[];
}

/** A certificate with its private key, and what issued it. */
export interface Issued {
  readonly certificate: NodeCertificate;
  readonly parsed: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly pem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

export const KEY_USAGE = x509.KeyUsageFlags;
export const PURPOSES = {
  client: '1.3.6.1.5.5.7.3.2',
  server: '1.3.6.1.5.5.7.3.1',
  any: '2.5.29.37.0',
} as const;

/** An authority that signs itself, or is signed by `issuer`. */
export function makeAuthority(options: CertificateOptions = {}, issuer?: Issued): Promise<Issued> {
  return make(
    { subject: 'authority', authority: true, usage: KEY_USAGE.keyCertSign, purposes: null, ...options },
    issuer,
  );
}

/** A certificate of a client. */
export function makeClient(issuer: Issued, options: CertificateOptions = {}): Promise<Issued> {
  return make(
    { authority: false, usage: KEY_USAGE.digitalSignature, purposes: [PURPOSES.client], ...options },
    issuer,
  );
}

/** Extension of any type with these bytes in DER. */
export function extensionOf(type: string, critical: boolean, der: readonly number[]): x509.Extension {
  return new x509.Extension(type, critical, new Uint8Array(der));
}

async function make(options: CertificateOptions, issuer?: Issued): Promise<Issued> {
  const { key = 'ed25519', hash = 'SHA-256', subject = [] } = options;
  const keys = (await crypto.subtle.generateKey(algorithmOf(key, hash), true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const name: SubjectName = typeof subject === 'string' ? [{ CN: [subject] }] : subject;
  const { privateKey } = issuer?.keys ?? keys;
  const parsed = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString('hex').replace(/^./, '1'),
    subject: name,
    issuer: issuer?.parsed.subjectName.toJSON() ?? name,
    notBefore: options.notBefore ?? new Date(Date.now() - HOUR_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + HOUR_MS),
    publicKey: keys.publicKey,
    signingKey: privateKey,
    signingAlgorithm: signingAlgorithm(privateKey.algorithm, hash),
    extensions: extensionsOf(options),
  });
  return {
    certificate: new NodeCertificate(Buffer.from(parsed.rawData)),
    parsed,
    keys,
    pem: `${parsed.toString('pem')}\n`,
    keyPem: KeyObject.from(keys.privateKey).export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function signingAlgorithm(algorithm: webcrypto.KeyAlgorithm, hash: string): webcrypto.EcdsaParams {
  const hashed = algorithm.name === 'ECDSA' ? { ...algorithm, hash } : algorithm;
  return { saltLength: 32, ...hashed } as unknown as webcrypto.EcdsaParams;
}

function extensionsOf(options: CertificateOptions): x509.Extension[] {
  const {
    authority = null,
    pathLength,
    usage = null,
    purposes = null,
    names = [],
    extensions = [],
  } = options;
  const made: x509.Extension[] = [...extensions];
  if (authority !== null) made.push(new x509.BasicConstraintsExtension(authority, pathLength, true));
  if (usage !== null) made.push(new x509.KeyUsagesExtension(usage, true));
  if (purposes !== null) made.push(new x509.ExtendedKeyUsageExtension([...purposes]));
  if (names.length > 0) made.push(new x509.SubjectAlternativeNameExtension([...names]));
  return made;
}
