import type { KeyObject, X509Certificate } from 'node:crypto';
import type * as Peculiar from '@peculiar/x509';
import { LIMITS } from '../../contract/index.ts';

/** Names that a certificate gives to its holder, as they are written. */
export interface CertificateNames {
  readonly commonNames: readonly string[];
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  readonly emails: readonly string[];
}

/** What of a certificate decides, all of it read strictly. */
export interface CertificateFacts {
  readonly certificate: X509Certificate;
  /** Basic constraints: it may issue certificates. */
  readonly isAuthority: boolean;
  /** Certificates that may stand between it and the last one; null for any number. */
  readonly pathLengthMax: number | null;
  /** Key usage; null where it does not say. */
  readonly usage: { readonly signs: boolean; readonly issues: boolean } | null;
  /** Object identifiers of the extended key usage; null where it does not say. */
  readonly purposes: readonly string[] | null;
  readonly names: CertificateNames;
  /** Ms since the epoch, both included. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Reads certificates; a text says why one cannot be used. */
export type CertificateReader = (certificate: X509Certificate) => CertificateFacts | string;

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const ALTERNATIVE_NAMES = '2.5.29.17';
const NAME_CONSTRAINTS = '2.5.29.30';
const UNDERSTOOD: ReadonlySet<string> = new Set([
  BASIC_CONSTRAINTS,
  KEY_USAGE,
  EXTENDED_KEY_USAGE,
  ALTERNATIVE_NAMES,
]);

/** RSA and ECDSA with SHA-256, SHA-384 and SHA-512, and Ed25519 (RFC 8017, RFC 5758, RFC 8410). */
const SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);
/** RSASSA-PSS says its hash in parameters. */
const PSS = '1.2.840.113549.1.1.10';
const PSS_HASHES: ReadonlySet<string> = new Set(['SHA-256', 'SHA-384', 'SHA-512']);
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

const ASCII_NAME = /^[\x21-\x7e]{1,512}$/;
/** Nothing that does not show, such as NUL, at which some programs stop to read. */
const COMMON_NAME = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u;

/** Loads what reads extensions, which an app without client certificates need not wait for. */
export async function loadCertificateReader(): Promise<CertificateReader> {
  // The library asks for it at once.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  return (certificate) => {
    if (certificate.raw.byteLength > LIMITS.mtlsCertificateBytesMax.value) return 'too large';
    try {
      return readFacts(x509, certificate);
    } catch {
      return 'malformed';
    }
  };
}

type Library = typeof Peculiar;
type Parsed = InstanceType<Library['X509Certificate']>;

function readFacts(x509: Library, certificate: X509Certificate): CertificateFacts | string {
  const parsed = new x509.X509Certificate(certificate.raw);
  const types = parsed.extensions.map(({ type }) => type);
  // RFC 5280 section 4.2: each at most once.
  if (new Set(types).size < types.length) return 'an extension twice';
  // What they would forbid is not worked out here, so it cannot be allowed either.
  if (types.includes(NAME_CONSTRAINTS)) return 'name constraints';
  const unknown = parsed.extensions.find(({ critical, type }) => critical && !UNDERSTOOD.has(type));
  if (unknown !== undefined) return `unknown critical extension ${unknown.type}`;
  const weakness = weaknessOf(certificate.publicKey) ?? signatureWeakness(certificate, parsed);
  if (weakness !== null) return weakness;
  const names = namesOf(x509, parsed);
  if (typeof names === 'string') return names;
  const basic = parsed.getExtension(x509.BasicConstraintsExtension);
  const isAuthority = basic?.ca === true;
  const usages = parsed.getExtension(x509.KeyUsagesExtension)?.usages;
  const usage =
    usages === undefined
      ? null
      : {
          signs: (usages & x509.KeyUsageFlags.digitalSignature) !== 0,
          issues: (usages & x509.KeyUsageFlags.keyCertSign) !== 0,
        };
  // Two readers have to agree on what lets it issue others.
  if (certificate.ca !== (isAuthority && usage?.issues !== false)) return 'ambiguous basic constraints';
  return {
    certificate,
    isAuthority,
    pathLengthMax: basic?.pathLength ?? null,
    usage,
    purposes: parsed.getExtension(x509.ExtendedKeyUsageExtension)?.usages.map(String) ?? null,
    names,
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  };
}

function weaknessOf(key: KeyObject): string | null {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return modulusLength >= LIMITS.rsaKeyBitsMin.value && modulusLength <= LIMITS.rsaKeyBitsMax.value
        ? null
        : `RSA key of ${modulusLength} bits`;
    case 'ec':
      return CURVES.has(namedCurve) ? null : `key on the curve ${namedCurve}`;
    case 'ed25519':
      return null;
    default:
      return `key of type ${String(key.asymmetricKeyType)}`;
  }
}

/** Also of authorities, although nobody asks for their own signature: who makes one today can do better. */
function signatureWeakness(certificate: X509Certificate, parsed: Parsed): string | null {
  const oid = certificate.signatureAlgorithmOid ?? '';
  if (SIGNATURES.has(oid)) return null;
  if (oid !== PSS) return `signature algorithm ${certificate.signatureAlgorithm ?? oid}`;
  const { hash } = parsed.signatureAlgorithm as { readonly hash?: { readonly name?: string } };
  return PSS_HASHES.has(hash?.name ?? '') ? null : `signature with ${hash?.name ?? 'an unknown hash'}`;
}

function namesOf(x509: Library, parsed: Parsed): CertificateNames | string {
  const names = { dns: [] as string[], uris: [] as string[], emails: [] as string[] };
  const lists: Readonly<Record<string, string[]>> = { dns: names.dns, url: names.uris, email: names.emails };
  for (const { type, value } of parsed.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ??
    []) {
    const list = lists[type];
    if (list === undefined) continue;
    if (!ASCII_NAME.test(value)) return 'malformed alternative name';
    list.push(value);
  }
  const commonNames = parsed.subjectName.getField('CN');
  if (!commonNames.every((name) => COMMON_NAME.test(name))) return 'malformed common name';
  return { commonNames, ...names };
}
