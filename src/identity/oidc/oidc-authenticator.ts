import { hash } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { OidcSpec } from '../../manifest/index.ts';
import { declaredClaims } from '../jwt/claims.ts';
import type { Authenticator, Credentials, KnownCaller, Verdict } from '../port.ts';
import { REASONS, refused } from '../reasons.ts';
import { VerdictCache } from '../verdict-cache.ts';
import { forgeryOf } from './browser-request.ts';
import type { BrowserCredentials } from './browser-request.ts';
import { CookieNames, cookieValue } from './cookies.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { beginningOf } from './session.ts';
import type { CookieSeals, Session } from './session.ts';

export interface OidcAuthenticatorOptions {
  readonly app: string;
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: OidcSpec;
  /** Of the login that makes the sessions. */
  readonly seals: CookieSeals;
  readonly ended: EndedSessions;
  readonly clock: Clock;
}

/** Callers that have logged in, by the cookie of their session. */
export class OidcAuthenticator implements Authenticator {
  readonly kind = 'oidc';
  readonly name: string;
  readonly needsBody = false;
  readonly challenge = null;
  readonly #options: OidcAuthenticatorOptions;
  readonly #verdicts: VerdictCache;

  constructor(options: OidcAuthenticatorOptions) {
    this.name = options.name;
    this.#options = options;
    const entries = LIMITS.oidcSessionsCachedMax.value;
    this.#verdicts = new VerdictCache({
      clock: options.clock,
      acceptedMax: entries,
      // As long as the vault itself believes in a key, so that sessions end when a project is shredded.
      acceptedMs: LIMITS.keyRefreshMs.value,
      refusedMax: entries,
      refusedMs: LIMITS.keyRefreshMs.value,
    });
  }

  /**
   * Without `method` and `origin` in the credentials nobody is let in: nothing would say whether the cookie
   * may speak for the request.
   */
  authenticate(credentials: Credentials | BrowserCredentials): Verdict | Promise<Verdict> {
    if (!isOfBrowser(credentials)) return refused('the method and the origin are not known');
    const { app, name } = this.#options;
    const { origin, cookie } = credentials;
    const names = new CookieNames(app, name, origin.startsWith('https:'));
    const value = cookieValue(cookie, names.session);
    if (value === null) return refused(REASONS.missing);
    if (value === '') return refused('more than one session, or none that was sealed here');
    const forgery = forgeryOf(credentials);
    if (forgery !== null) return refused(forgery);
    const digest = hash('sha256', `${origin} ${value}`, 'base64');
    const known = this.#verdicts.get(digest);
    if (known !== null) return this.#current(known);
    try {
      const opened = this.#options.seals.openSession(value);
      if (!(opened instanceof Promise)) return this.#keep(digest, opened, origin);
      return opened.then(
        (session) => this.#keep(digest, session, origin),
        () => refused(REASONS.unavailable),
      );
    } catch {
      return refused(REASONS.unavailable);
    }
  }

  isCurrent({ credential, expiresAt }: KnownCaller): boolean {
    const { app, name, ended, clock } = this.#options;
    return expiresAt !== null && expiresAt > clock.now() && !ended.has(app, name, credential);
  }

  close(): void {
    this.#verdicts.clear();
  }

  #keep(digest: string, session: Session | null, origin: string): Verdict {
    const verdict = this.#judge(session, origin);
    this.#verdicts.keep(digest, verdict);
    return this.#current(verdict);
  }

  #current(verdict: Verdict): Verdict {
    if (!verdict.ok) return verdict;
    // Whoever logged out is no stranger.
    return this.isCurrent(verdict.caller) ? verdict : refused(REASONS.expired);
  }

  #judge(session: Session | null, origin: string): Verdict {
    if (session === null) return refused('not sealed here for this');
    if (session.origin !== origin) return refused('of another origin');
    const { spec, name } = this.#options;
    const caller: KnownCaller = {
      kind: 'user',
      authenticator: `oidc:${name}`,
      subject: session.subject,
      credential: session.id,
      scopes: [],
      claims: declaredClaims(session.claims, spec.claims),
      // A manifest that shortens sessions shortens those that have begun.
      expiresAt: Math.min(session.expiresAt, beginningOf(session.id) + spec.sessionMs),
    };
    return { ok: true, caller };
  }
}

function isOfBrowser(credentials: Credentials | BrowserCredentials): credentials is BrowserCredentials {
  return (
    'method' in credentials &&
    'origin' in credentials &&
    credentials.method !== '' &&
    credentials.origin !== ''
  );
}

/** For a deployment. Errors: CORDON_AUTH_INVALID. */
export function checkOidc(name: string, { issuer, unsafePrivate }: OidcSpec): void {
  if (issuer.startsWith('https:') || unsafePrivate) return;
  const reason = 'its issuer has no TLS, so anyone on the way could log in as anybody';
  throw new CordonError('CORDON_AUTH_INVALID', `Cannot log in with auth.oidc.${name}: ${reason}.`, {
    details: { path: `auth.oidc.${name}.issuer`, reason },
  });
}
