import { createPrivateKey, X509Certificate } from 'node:crypto';
import { CordonError } from '../contract/index.ts';
import { tlsContext } from './tls-context.ts';

/** A certificate chain and its key, checked against each other. */
export interface KeyPair {
  /** PEM, leaf first. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly key: string;
  readonly leaf: X509Certificate;
  /** Ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A pair before it was looked at. `name` says where it is from. */
export interface KeyPairTexts {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

/**
 * Checks that a certificate and a key belong together, can be used and are valid at `now` (ms since the
 * epoch). Errors: CORDON_TLS_INVALID, CORDON_TLS_EXPIRED.
 */
export function parseKeyPair({ name, certificate, key }: KeyPairTexts, now: number): KeyPair {
  const leaf = attempt(name, 'has no certificate that can be read', () => new X509Certificate(certificate));
  const secret = attempt(name, 'has no unencrypted private key', () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(secret)) throw invalid(name, 'has a key that is not of its first certificate');
  const notBefore = Date.parse(leaf.validFrom);
  const notAfter = Date.parse(leaf.validTo);
  if (now < notBefore || now >= notAfter) {
    const message = `The TLS certificate ${name} is valid from ${leaf.validFrom} to ${leaf.validTo} only.`;
    throw new CordonError('CORDON_TLS_EXPIRED', message);
  }
  const pair: KeyPair = { certificate, key, leaf, notBefore, notAfter };
  attempt(name, 'is not accepted by TLS', () => tlsContext(pair, { ticketKeys: null }));
  return pair;
}

function attempt<T>(name: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw invalid(name, what, cause);
  }
}

function invalid(name: string, what: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_TLS_INVALID', `The TLS certificate ${name} ${what}.`, { cause });
}
