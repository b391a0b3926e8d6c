import type { X509Certificate } from 'node:crypto';
import { LIMITS } from '../../contract/index.ts';
import { REASONS } from '../reasons.ts';
import type { CertificateFacts, CertificateReader } from './certificate.ts';

const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

/** From the certificate of a caller up to an authority, both included. */
export type Path = readonly CertificateFacts[];

export interface PathOptions {
  readonly leaf: X509Certificate;
  /** What the caller sent besides, in any order and with anything among it. */
  readonly intermediates: readonly X509Certificate[];
  /** Trusted because the manifest names them. */
  readonly authorities: readonly CertificateFacts[];
  readonly read: CertificateReader;
  /** Ms since the epoch. */
  readonly now: number;
}

/**
 * Finds a path on which every certificate is in force, every issuer may issue what stands below it, and every
 * signature was verified (RFC 5280 section 6.1, without policies and name constraints, which are refused).
 * Certificates that were issued to their own issuer count for path lengths too. A text says why there is none.
 */
export function findPath({ leaf, intermediates, authorities, read, now }: PathOptions): Path | string {
  if (intermediates.length > LIMITS.mtlsIntermediatesMax.value) return 'too many certificates';
  const first = read(leaf);
  if (typeof first === 'string') return `certificate: ${first}`;
  const problem = leafProblem(first);
  if (problem !== null) return `certificate: ${problem}`;
  const search = new PathSearch(intermediates, authorities, read, now);
  const path = search.extend([first]);
  // The time comes last: only a certificate that an authority issued was good once.
  return path === null ? search.why : (timeProblem(first, now) ?? path);
}

function leafProblem({ isAuthority, usage, purposes }: CertificateFacts): string | null {
  if (isAuthority) return 'of an authority';
  if (usage !== null && !usage.signs) return 'not for signatures';
  return isForClients(purposes) ? null : 'not for clients';
}

/** RFC 5280 section 4.2.1.12: without the extension for every purpose. */
function isForClients(purposes: readonly string[] | null): boolean {
  return purposes === null || purposes.includes(CLIENT_AUTHENTICATION);
}

export function timeProblem({ notBefore, notAfter }: CertificateFacts, now: number): string | null {
  if (now < notBefore) return 'not yet in force';
  return now > notAfter ? REASONS.expired : null;
}

class PathSearch {
  readonly #intermediates: readonly X509Certificate[];
  readonly #authorities: readonly CertificateFacts[];
  readonly #read: CertificateReader;
  readonly #now: number;
  readonly #facts = new Map<X509Certificate, CertificateFacts | string>();
  #verifications = 0;
  #problem: string | null = null;

  constructor(
    intermediates: readonly X509Certificate[],
    authorities: readonly CertificateFacts[],
    read: CertificateReader,
    now: number,
  ) {
    this.#intermediates = intermediates;
    this.#authorities = authorities;
    this.#read = read;
    this.#now = now;
  }

  /** Why there is no path: the first thing that was wrong with an issuer. */
  get why(): string {
    return this.#problem === null ? 'no authority issued it' : `issuer: ${this.#problem}`;
  }

  extend(path: Path): Path | null {
    const last = path.at(-1);
    if (last === undefined || path.length >= LIMITS.mtlsPathMax.value) return null;
    for (const authority of this.#authorities) {
      if (this.#issued(authority.certificate, authority, last, path.length)) return [...path, authority];
    }
    for (const certificate of this.#intermediates) {
      // By what it is, not by which object it is: a caller may send it twice.
      if (path.some((below) => below.certificate.raw.equals(certificate.raw))) continue;
      if (!certificateNames(certificate, last.certificate)) continue;
      const facts = this.#factsOf(certificate);
      if (typeof facts === 'string') this.#problem ??= facts;
      else if (this.#issued(certificate, facts, last, path.length)) {
        const found = this.extend([...path, facts]);
        if (found !== null) return found;
      }
    }
    return null;
  }

  /** `below`: certificates below the issuer, that of the caller included. */
  #issued(
    certificate: X509Certificate,
    issuer: CertificateFacts,
    subject: CertificateFacts,
    below: number,
  ): boolean {
    if (!certificateNames(certificate, subject.certificate)) return false;
    const problem = issuerProblem(issuer, below) ?? timeProblem(issuer, this.#now);
    if (problem !== null) {
      this.#problem ??= problem;
      return false;
    }
    if (this.#verifications >= LIMITS.mtlsVerificationsMax.value) {
      this.#problem = 'too many possible paths';
      return false;
    }
    this.#verifications += 1;
    if (isSignedBy(subject.certificate, certificate)) return true;
    this.#problem ??= 'wrong signature';
    return false;
  }

  #factsOf(certificate: X509Certificate): CertificateFacts | string {
    const known = this.#facts.get(certificate);
    if (known !== undefined) return known;
    const facts = this.#read(certificate);
    this.#facts.set(certificate, facts);
    return facts;
  }
}

function isSignedBy(subject: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return subject.verify(issuer.publicKey);
  } catch {
    // A key and a signature that have nothing to do with each other.
    return false;
  }
}

/** Names and identifiers of keys fit together; no signature is looked at. */
function certificateNames(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.issuer === issuer.subject && subject.checkIssued(issuer);
}

function issuerProblem(
  { isAuthority, usage, purposes, pathLengthMax }: CertificateFacts,
  below: number,
): string | null {
  if (!isAuthority) return 'not an authority';
  if (usage !== null && !usage.issues) return 'not for issuing certificates';
  if (!isForClients(purposes)) return 'not for certificates of clients';
  // The last certificate does not count (RFC 5280 section 4.2.1.9).
  return pathLengthMax !== null && below - 1 > pathLengthMax ? 'path too long for it' : null;
}
