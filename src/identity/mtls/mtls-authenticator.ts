import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { MtlsSpec } from '../../manifest/index.ts';
import type { Authenticator, ClientCertificate, Credentials, KnownCaller, Verdict } from '../port.ts';
import { REASONS, refused } from '../reasons.ts';
import { VerdictCache } from '../verdict-cache.ts';
import { readMtlsRules } from './authorities.ts';
import type { MtlsRules } from './authorities.ts';
import { findPath } from './path.ts';
import { subjectOf } from './subject.ts';

export interface MtlsOptions {
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: MtlsSpec;
  /** Text of the file that `spec.ca` names. */
  readonly pem: string | undefined;
  readonly clock: Clock;
}

/**
 * Callers with a certificate that an authority of the manifest issued, over what they sent besides. It judges
 * the certificates by itself and does not ask whether one was revoked: short lives, or other authorities, are
 * how a certificate ends early.
 */
export class MtlsAuthenticator implements Authenticator {
  readonly kind = 'mtls';
  readonly name: string;
  readonly needsBody = false;
  readonly challenge = null;
  readonly #rules: MtlsRules;
  readonly #clock: Clock;
  /** By all that was sent, as what is sent besides can make the difference. */
  readonly #verdicts: VerdictCache;

  private constructor(name: string, rules: MtlsRules, clock: Clock) {
    this.name = name;
    this.#rules = rules;
    this.#clock = clock;
    this.#verdicts = new VerdictCache({
      clock,
      acceptedMax: LIMITS.mtlsVerdictsMax.value,
      // Until the first certificate on the path ends: nothing else ends it.
      acceptedMs: Number.POSITIVE_INFINITY,
      refusedMax: LIMITS.mtlsVerdictsMax.value,
      refusedMs: LIMITS.mtlsRefusalMs.value,
    });
  }

  /** Errors: CORDON_AUTH_INVALID. An authority that has expired is no error: it lets nobody in. */
  static async open({ name, spec, pem, clock }: MtlsOptions): Promise<MtlsAuthenticator> {
    return new MtlsAuthenticator(name, await readMtlsRules({ name, spec, pem }), clock);
  }

  authenticate({ certificate }: Credentials): Verdict {
    if (certificate === null) return refused(REASONS.missing);
    // Before they are named: a caller chooses how many there are.
    if (certificate.intermediates.length > LIMITS.mtlsIntermediatesMax.value)
      return refused('too many certificates');
    const key = [certificate.leaf, ...certificate.intermediates].map((one) => one.fingerprint256).join();
    const known = this.#verdicts.get(key);
    if (known !== null) return known;
    const verdict = this.#judge(certificate);
    this.#verdicts.keep(key, verdict);
    return verdict;
  }

  isCurrent({ expiresAt }: KnownCaller): boolean {
    return expiresAt !== null && expiresAt > this.#clock.now();
  }

  close(): void {
    this.#verdicts.clear();
  }

  #judge({ leaf, intermediates }: ClientCertificate): Verdict {
    const now = this.#clock.now();
    const { authorities, subjects, read } = this.#rules;
    const path = findPath({ leaf, intermediates, authorities, read, now });
    if (typeof path === 'string') return refused(path);
    const [first] = path;
    const found = first === undefined ? 'no certificate' : subjectOf(first.names, subjects);
    if (typeof found === 'string') return refused(found);
    const expiresAt = Math.min(...path.map(({ notAfter }) => notAfter));
    const caller: KnownCaller = {
      kind: 'machine',
      authenticator: `mtls:${this.name}`,
      subject: found.subject,
      credential: `sha256:${leaf.fingerprint256.replaceAll(':', '').toLowerCase()}`,
      scopes: [],
      claims: {},
      expiresAt,
    };
    return { ok: true, caller };
  }
}
