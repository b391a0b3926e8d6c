import { hash } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { JwtSpec } from '../../manifest/index.ts';
import { bearerToken } from '../bearer.ts';
import type { Authenticator, Credentials, KnownCaller, Verdict } from '../port.ts';
import { REASONS, refused } from '../reasons.ts';
import { VerdictCache } from '../verdict-cache.ts';
import { readClaims } from './claims.ts';
import { jose } from './jose.ts';
import type { KeySet } from './key-set.ts';
import type { PublicKey } from './public-keys.ts';
import { readHeader } from './token-form.ts';

export interface JwtAuthenticatorOptions {
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: JwtSpec;
  /** Closed with the authenticator. */
  readonly keys: KeySet;
  readonly clock: Clock;
}

/** A verdict, and whether the next look may well say something else. */
interface Judgement {
  readonly verdict: Verdict;
  readonly isPassing: boolean;
}

/** By what a caller was let in. */
interface Voucher {
  readonly key: PublicKey;
  /** Monotonic ms. */
  readonly until: number;
}

/**
 * Callers with a JWT of one issuer (RFC 7519, and RFC 8725 on how not to). A verdict is remembered, at most
 * until the token expires, and falls with any change of the issuer's keys. Nothing of a token but which key
 * to try is believed before its signature is found good.
 *
 * Time: a token is good while the wall clock says so. What was let in ends by the monotonic clock as well, so
 * that a clock that is set back prolongs no verdict. A token that had expired may then be shown anew only
 * for the time by which the clock is wrong, and not at all where the clock is before its `iat`.
 *
 * Failures: they look alike. They cost unlike work where that tells nothing that is not public: a token that
 * is malformed, or whose key the issuer does not publish, is refused without a signature being checked. What
 * a token claims is looked at after its signature only, so that a forged one learns nothing about it.
 */
export class JwtAuthenticator implements Authenticator {
  readonly kind = 'jwt';
  readonly name: string;
  readonly needsBody = false;
  readonly challenge = 'Bearer';
  readonly #spec: JwtSpec;
  readonly #keys: KeySet;
  readonly #clock: Clock;
  readonly #verdicts: VerdictCache;
  #keysVersion = 0;
  #isClosed = false;
  /** Tokens that are being judged, by digest: the same one is verified once. */
  readonly #judging = new Map<string, Promise<Verdict>>();
  readonly #vouchers = new WeakMap<KnownCaller, Voucher>();

  constructor({ name, spec, keys, clock }: JwtAuthenticatorOptions) {
    this.name = name;
    this.#spec = spec;
    this.#keys = keys;
    this.#clock = clock;
    this.#verdicts = new VerdictCache({
      clock,
      acceptedMax: LIMITS.jwtVerdictsMax.value,
      acceptedMs: LIMITS.jwtVerdictMs.value,
      refusedMax: LIMITS.jwtRefusalsMax.value,
      refusedMs: LIMITS.jwtRefusalMs.value,
    });
  }

  /** The verdict that can be given without any work; null where the token would have to be verified. */
  known(credentials: Credentials): Verdict | null {
    const token = tokenOf(credentials);
    return typeof token === 'string' ? this.#recall(digestOf(token)) : token;
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    const token = tokenOf(credentials);
    if (typeof token !== 'string') return token;
    const digest = digestOf(token);
    return this.#recall(digest) ?? this.#judging.get(digest) ?? this.#judgeOnce(token, digest);
  }

  /** `caller` has to be the very object that a verdict of this authenticator held. */
  isCurrent(caller: KnownCaller): boolean {
    const voucher = this.#vouchers.get(caller);
    if (voucher === undefined || voucher.until <= this.#clock.monotonic()) return false;
    if (caller.expiresAt === null || caller.expiresAt <= this.#clock.now()) return false;
    // For its effect: a connection that stays open is all that asks for these keys, perhaps.
    this.#keys.isCurrent();
    return this.#keys.has(voucher.key);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#verdicts.clear();
    this.#keys.close();
  }

  #recall(digest: string): Verdict | null {
    const isCurrent = this.#keys.isCurrent();
    this.#forgetOldKeys();
    return isCurrent ? this.#verdicts.get(digest) : null;
  }

  #forgetOldKeys(): void {
    if (this.#keysVersion === this.#keys.version) return;
    this.#keysVersion = this.#keys.version;
    this.#verdicts.clear();
  }

  #judgeOnce(token: string, digest: string): Promise<Verdict> {
    const judging = this.#judge(token, digest)
      .then(({ verdict, isPassing }) => {
        this.#forgetOldKeys();
        if (!isPassing) this.#verdicts.keep(digest, verdict);
        return verdict;
      })
      .finally(() => this.#judging.delete(digest));
    this.#judging.set(digest, judging);
    return judging;
  }

  /** Never rejects. */
  async #judge(token: string, digest: string): Promise<Judgement> {
    const header = readHeader(token, this.#spec.algorithms);
    if (typeof header === 'string') return judged(header);
    const found = await this.#keys.find(header.algorithm, header.kid);
    if (!found.ok) return judged(found.isPassing ? REASONS.unavailable : found.reason, found.isPassing);
    const version = this.#keys.version;
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    try {
      const { payload } = await jose().jwtVerify(token, found.key.key, {
        algorithms: [header.algorithm],
        issuer: this.#spec.issuer,
        audience: [...this.#spec.audiences],
        requiredClaims: ['exp'],
        clockTolerance: this.#spec.clockSkewMs / 1000,
        currentDate: new Date(now),
      });
      const claims = readClaims(payload, this.#spec, now);
      if (typeof claims === 'string') return judged(claims);
      if (claims.expiresAt <= now) return judged(REASONS.expired);
      const caller: KnownCaller = {
        kind: 'user',
        authenticator: `jwt:${this.name}`,
        credential: digest,
        ...claims,
      };
      this.#vouchers.set(caller, { key: found.key, until: monotonic + claims.expiresAt - now });
      // Keys that changed while it was verified have to be asked again the next time.
      return { verdict: { ok: true, caller }, isPassing: version !== this.#keys.version };
    } catch (thrown) {
      return judged(reasonOf(thrown));
    }
  }
}

/** For a deployment. Errors: CORDON_AUTH_INVALID. */
export function checkJwt(name: string, { issuer, jwks, unsafePrivate }: JwtSpec): void {
  const place = jwks === null ? 'issuer' : 'jwks';
  // An issuer whose keys come from elsewhere is a name alone.
  if ((jwks ?? issuer).startsWith('https:') || unsafePrivate) return;
  const reason = 'its keys would come without TLS, so anyone on the way could sign tokens';
  throw new CordonError('CORDON_AUTH_INVALID', `Cannot take the tokens of auth.jwt.${name}: ${reason}.`, {
    details: { path: `auth.jwt.${name}.${place}`, reason },
  });
}

/** The token, or why there is none. */
function tokenOf({ authorization }: Credentials): string | (Verdict & { readonly ok: false }) {
  if (authorization === null) return refused(REASONS.missing);
  return bearerToken(authorization) ?? refused('no bearer token');
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

function judged(reason: string, isPassing = false): Judgement {
  return { verdict: refused(reason), isPassing };
}

/** For the operator: never what the token says, as its claims may be anyone's. */
function reasonOf(thrown: unknown): string {
  const { errors } = jose();
  if (thrown instanceof errors.JWTExpired) return REASONS.expired;
  if (thrown instanceof errors.JWTClaimValidationFailed)
    return `its ${thrown.claim} is ${thrown.reason === 'missing' ? 'missing' : 'not accepted'}`;
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  if (thrown instanceof errors.JOSEError) return `it cannot be verified (${thrown.code})`;
  return 'it cannot be verified';
}
