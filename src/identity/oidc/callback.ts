import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { OidcSpec } from '../../manifest/index.ts';
import { declaredClaims } from '../jwt/claims.ts';
import { ReplayCache } from '../replay-cache.ts';
import { cookieValue } from './cookies.ts';
import type { CookieNames } from './cookies.ts';
import { redirect, refusedLogin } from './login-answer.ts';
import type { LoginAnswer } from './login-answer.ts';
import type { LoginRequest } from './browser-request.ts';
import { LoginRefused } from './provider.ts';
import type { Provider } from './provider.ts';
import { newSessionId } from './session.ts';
import type { CookieSeals, PendingLogin, Session } from './session.ts';

const STATE = /^[A-Za-z0-9_-]{43}$/;
/** OpenID Connect Core 1.0 section 2: at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;

export interface OidcCallbackOptions {
  readonly spec: OidcSpec;
  readonly clock: Clock;
  readonly provider: Provider;
  readonly seals: CookieSeals;
}

/** The way back from the provider: the one place where sessions are made. */
export class OidcCallback {
  readonly #options: OidcCallbackOptions;
  /** States of logins that ended well, and of those that are being ended. */
  readonly #done: ReplayCache;

  constructor(options: OidcCallbackOptions) {
    this.#options = options;
    this.#done = new ReplayCache(options.clock, LIMITS.oidcLoginsDoneMax.value);
  }

  /** Errors: CORDON_LOGIN_UNAVAILABLE, those of the vault. */
  async handle(request: LoginRequest, names: CookieNames): Promise<LoginAnswer> {
    const pending = await this.#pendingOf(request, names);
    if (typeof pending === 'string') return refusedLogin('CORDON_LOGIN_REFUSED', pending);
    // The state is used up, whatever comes of it.
    const used = names.clear(names.login(pending.state));
    const remembered = this.#done.remember([pending.state], pending.expiresAt);
    if (remembered !== 'new') {
      const reason = remembered === 'seen' ? 'ended already' : 'too many logins to remember another one';
      return refusedLogin('CORDON_LOGIN_REFUSED', reason, [['set-cookie', used]]);
    }
    let made: string | null = null;
    try {
      const session = await this.#sessionFrom(request, pending);
      if (typeof session === 'string')
        return refusedLogin('CORDON_LOGIN_REFUSED', session, [['set-cookie', used]]);
      made = await this.#options.seals.sealSession(session);
      if (names.session.length + made.length > LIMITS.oidcCookieBytesMax.value) {
        made = null;
        const reason = 'the declared claims are too large for a cookie';
        return refusedLogin('CORDON_LOGIN_REFUSED', reason, [['set-cookie', used]]);
      }
      return redirect(pending.to, [used, names.set(names.session, made, this.#options.spec.sessionMs)]);
    } catch (thrown) {
      if (!(thrown instanceof LoginRefused)) throw thrown;
      return refusedLogin('CORDON_LOGIN_REFUSED', thrown.message, [['set-cookie', used]]);
    } finally {
      // What made no session did no harm, and strangers must not fill the memory with it.
      if (made === null) this.#done.forget(pending.state);
    }
  }

  /** The login that this browser began with the state that came back, or why there is none. */
  async #pendingOf(
    { query, cookie, origin }: LoginRequest,
    names: CookieNames,
  ): Promise<PendingLogin | string> {
    const parameters = new URLSearchParams(query);
    const given = [...parameters.keys()];
    if (new Set(given).size < given.length) return 'a parameter twice';
    const state = parameters.get('state') ?? '';
    if (!STATE.test(state)) return 'no state';
    const value = cookieValue(cookie, names.login(state));
    if (value === null) return 'this browser has not begun this login';
    const pending = value === '' ? null : await this.#options.seals.openPending(value);
    if (pending === null) return 'not a cookie of this login';
    if (pending.state !== state) return 'another state';
    if (pending.origin !== origin) return 'begun at another origin';
    return pending.expiresAt <= this.#options.clock.now() ? 'begun too long ago' : pending;
  }

  async #sessionFrom(request: LoginRequest, pending: PendingLogin): Promise<Session | string> {
    const { provider, spec, clock } = this.#options;
    const url = new URL(`${request.origin}${request.path}?${request.query}`);
    const token = await provider.finish({ url, pending });
    if (!SUBJECT.test(token.sub)) return 'it names no caller';
    const now = clock.now();
    return {
      // Always a new one: no cookie that was there before becomes a session (OWASP ASVS 7.2.4).
      id: newSessionId(now),
      subject: token.sub,
      claims: declaredClaims(token, spec.claims),
      expiresAt: now + spec.sessionMs,
      origin: request.origin,
    };
  }
}
