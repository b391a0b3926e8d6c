import { X509Certificate } from 'node:crypto';
import { Client, crypto } from 'acme-client';
import type { Clock } from '../contract/index.ts';
import { CordonError, LIMITS, toCordonError } from '../contract/index.ts';
import type { Authorization } from 'acme-client';
import type { AcmeChallenges } from './acme-challenges.ts';
import { isLoopback } from './addresses.ts';
import { CertificateSet } from './certificate-set.ts';
import { parseKeyPair } from './key-pair.ts';
import type { KeyPair } from './key-pair.ts';
import type { AcmeKeeper, Finding } from './port.ts';

interface PemPair {
  readonly certificate: string;
  readonly key: string;
}

export interface AcmeOptions {
  /** Of the ACME server; https, but on loopback. */
  readonly directoryUrl: string;
  /** Names of the certificate, at least one. */
  readonly names: readonly string[];
  /** Where the ACME server writes to about the account; null for nowhere. */
  readonly email: string | null;
  readonly keeper: AcmeKeeper;
  /** Answers HTTP-01; null for TLS-ALPN-01 (RFC 8737), which the certificates answer themselves. */
  readonly challenges: AcmeChallenges | null;
  readonly clock: Clock;
  readonly onFinding: (finding: Finding) => void;
}

const RENEW_SHARE = 2 / 3;
const CHECK_MS = 3600 * 1000;
/** The clock of an ACME server may be a little ahead; what it has just signed is good. */
const CLOCK_SKEW_MS = 300 * 1000;
const FIRST_ATTEMPT_MS = 1000;
const ACCOUNT = 'acme-account';
const PAIR = 'acme-certificate';
const NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;

/**
 * A certificate by ACME (RFC 8555), renewed when two thirds of its life are over. Whoever opens it
 * has agreed to the terms of the ACME server. A renewal that fails is a finding, is tried again after a time
 * that doubles, and leaves the last good certificate in place. `acme-client` is wrapped here and nowhere else.
 */
export class AcmeCertificates {
  readonly certificates: CertificateSet;
  readonly #options: AcmeOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #proofs = new Map<string, () => void>();
  #isPlaceholder = false;
  #failures = 0;
  #notBefore = 0;

  private constructor(options: AcmeOptions, pair: KeyPair) {
    this.#options = options;
    this.certificates = new CertificateSet([pair]);
    this.#timer = setInterval(() => void this.renew(), CHECK_MS).unref();
  }

  /** Takes up the certificate of before, or obtains one. Errors: CORDON_USAGE, CORDON_ACME_FAILED. */
  static async open(options: AcmeOptions): Promise<AcmeCertificates> {
    checkOptions(options);
    const kept = await load(options);
    if (kept !== null) return new AcmeCertificates(options, kept);
    if (options.challenges !== null) {
      return new AcmeCertificates(options, await obtain(options, () => undefined));
    }
    // The names are proved by handshakes, so there have to be some first.
    const opened = new AcmeCertificates(options, await placeholder(options));
    opened.#isPlaceholder = true;
    setTimeout(() => void opened.renew(), FIRST_ATTEMPT_MS).unref();
    return opened;
  }

  /** Renews the certificate where it is time. True where it did. Never fails: problems are findings. */
  async renew(): Promise<boolean> {
    const now = this.#options.clock.now();
    const [pair] = this.certificates.pairs;
    const isDue = pair === undefined || this.#isPlaceholder;
    const dueAt = isDue ? 0 : pair.notBefore + (pair.notAfter - pair.notBefore) * RENEW_SHARE;
    if (now < Math.max(dueAt, this.#notBefore)) return false;
    this.#notBefore = now + Math.min(CHECK_MS * 2 ** this.#failures, LIMITS.acmeRetryMsMax.value);
    this.#failures += 1;
    try {
      this.certificates.replace([await obtain(this.#options, (...proof) => this.#prove(...proof))]);
      this.#isPlaceholder = false;
      this.#failures = 0;
      this.#notBefore = 0;
      return true;
    } catch (thrown) {
      const reason = `${toCordonError(thrown).message} The last good one stays.`;
      this.#options.onFinding({ code: 'CORDON_ACME_FAILED', reason });
      return false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.certificates.close();
  }

  #prove(name: string, proof: PemPair | null): void {
    this.#proofs.get(name)?.();
    this.#proofs.delete(name);
    if (proof !== null) this.#proofs.set(name, this.certificates.prove(name, proof));
  }
}

function checkOptions({ directoryUrl, names }: AcmeOptions): void {
  const url = URL.canParse(directoryUrl) ? new URL(directoryUrl) : null;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!isSafe) throw new CordonError('CORDON_USAGE', 'The directory of an ACME server is an https URL.');
  if (
    names.length === 0 ||
    names.length > LIMITS.acmeNamesMax.value ||
    !names.every((name) => NAME.test(name))
  ) {
    const message = `An ACME certificate has from 1 to ${LIMITS.acmeNamesMax.value} names such as shop.example.com.`;
    throw new CordonError('CORDON_USAGE', message);
  }
}

/** Null where there is none, or one of other names, or one that has expired. */
async function load({ keeper, names, clock }: AcmeOptions): Promise<KeyPair | null> {
  const text = await keeper.read(PAIR);
  if (text === null) return null;
  try {
    const { certificate, key } = JSON.parse(text) as { certificate: string; key: string };
    const pair = parseKeyPair({ name: PAIR, certificate, key }, clock.now());
    return names.every((name) => pair.leaf.checkHost(name, { subject: 'never' })) ? pair : null;
  } catch {
    return null;
  }
}

/** `prove`: shows a certificate to an ACME server that asks for a name; null ends it. */
async function obtain(
  options: AcmeOptions,
  prove: (name: string, proof: PemPair | null) => void,
): Promise<KeyPair> {
  const { directoryUrl, names, email, keeper, challenges, clock } = options;
  const [commonName = ''] = names;
  try {
    const client = new Client({ directoryUrl, accountKey: await accountKey(keeper) });
    const [key, csr] = await crypto.createCsr(
      { commonName, altNames: [...names] },
      await crypto.createPrivateEcdsaKey(),
    );
    const work = client.auto({
      csr,
      ...(email === null ? {} : { email }),
      termsOfServiceAgreed: true,
      // This machine may reach itself by another way than the ACME server does, or not at all.
      skipChallengeVerification: true,
      challengePriority: [challenges === null ? 'tls-alpn-01' : 'http-01'],
      challengeCreateFn: async (authorization, { token }, answer) => {
        if (challenges === null) prove(authorization.identifier.value, await proofOf(authorization, answer));
        else challenges.add(token, answer);
      },
      challengeRemoveFn: async (authorization, { token }) => {
        if (challenges === null) prove(authorization.identifier.value, null);
        else challenges.remove(token);
      },
    });
    const certificate = await withDeadline(work, LIMITS.acmeTimeoutMs.value);
    const made = { certificate, key: key.toString() };
    const pair = parseKeyPair({ name: 'of the ACME server', ...made }, clock.now() + CLOCK_SKEW_MS);
    await keeper.write(PAIR, JSON.stringify(made));
    return pair;
  } catch (cause) {
    const why = (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '');
    const message = `No certificate for ${names.join(', ')} could be had from ${directoryUrl}: ${why}.`;
    throw new CordonError('CORDON_ACME_FAILED', message, { cause });
  }
}

async function proofOf(authorization: Authorization, answer: string): Promise<PemPair> {
  const ownKey = await crypto.createPrivateEcdsaKey();
  const [key, certificate] = await crypto.createAlpnCertificate(authorization, answer, ownKey);
  return { certificate: certificate.toString(), key: key.toString() };
}

/** Nobody trusts it; it is there so that handshakes can be done at all. */
async function placeholder({ names }: AcmeOptions): Promise<KeyPair> {
  const identifier = { type: 'dns', value: names[0] ?? '' };
  const made = await proofOf({ identifier } as Authorization, 'placeholder');
  return { ...made, leaf: new X509Certificate(made.certificate), notBefore: 0, notAfter: 0 };
}

async function accountKey(keeper: AcmeKeeper): Promise<string> {
  const kept = await keeper.read(ACCOUNT);
  if (kept !== null) return kept;
  const made = (await crypto.createPrivateEcdsaKey()).toString();
  await keeper.write(ACCOUNT, made);
  return made;
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('it took too long')), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
