import { LIMITS } from '../../contract/index.ts';
import type { Clock, ErrorCode } from '../../contract/index.ts';
import type { OidcSpec } from '../../manifest/index.ts';
import type { Vault } from '../../vault/index.ts';
import type { IssuerClient } from '../jwt/issuer-client.ts';
import { OidcCallback } from './callback.ts';
import { forgeryOf, isTrustworthy } from './browser-request.ts';
import type { LoginRequest } from './browser-request.ts';
import { CookieNames, cookieValue } from './cookies.ts';
import type { EndedSessions } from './ended-sessions.ts';
import { refusedLogin, redirect } from './login-answer.ts';
import type { LoginAnswer } from './login-answer.ts';
import { Provider } from './provider.ts';
import { returnPathOf } from './return-path.ts';
import { CookieSeals } from './session.ts';

export interface OidcLoginOptions {
  readonly project: string;
  readonly app: string;
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: OidcSpec;
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly ended: EndedSessions;
  /** The value of a secret of the project; null when there is none. */
  readonly secret: (name: string) => Promise<string | null>;
  /** The only way to the provider, with the `unsafePrivate` of the specification. */
  readonly client: IssuerClient;
  readonly clock: Clock;
  /** Path below which it is served. Default `/.cordon/auth/<name>`. */
  readonly path?: string;
  /** Of one request to the provider. Default `LIMITS.oidcTimeoutMs`. */
  readonly timeoutMs?: number;
}

/**
 * The login of an OpenID provider, served by the gateway itself below `path`: `login` leads to the provider,
 * `callback` back from it with a session, `logout` ends that. Authorization code flow with PKCE, state and
 * nonce; sessions are in a sealed cookie, and what was ended in the store. Nothing is a page: an answer leads
 * somewhere or is a code.
 */
export class OidcLogin {
  readonly path: string;
  readonly #options: OidcLoginOptions;
  readonly #provider: Provider;
  readonly #seals: CookieSeals;
  readonly #callback: OidcCallback;

  constructor(options: OidcLoginOptions) {
    this.#options = options;
    const { app, name, spec, vault, project, clock } = options;
    this.path = options.path ?? `/.cordon/auth/${name}`;
    this.#provider = new Provider(options);
    this.#seals = new CookieSeals({ vault, project, scope: [app, name, spec.issuer, spec.clientId] });
    this.#callback = new OidcCallback({ spec, clock, provider: this.#provider, seals: this.#seals });
  }

  get seals(): CookieSeals {
    return this.#seals;
  }

  /** True for a path that `handle` answers. */
  serves(path: string): boolean {
    return path.startsWith(`${this.path}/`);
  }

  /** Where a browser logs in, to come back to this path and query; to `/` where that cannot be come back to. */
  loginLocation(returnTo: string): string {
    return `${this.path}/login?to=${encodeURIComponent(returnPathOf(returnTo) ?? '/')}`;
  }

  /** Never rejects. */
  async handle(request: LoginRequest): Promise<LoginAnswer> {
    const action = request.path.slice(this.path.length);
    try {
      switch (action) {
        case '/login':
          return this.#checked(request, 'GET') ?? (await this.#login(request));
        case '/callback':
          return (
            this.#checked(request, 'GET') ?? (await this.#callback.handle(request, this.#names(request)))
          );
        case '/logout':
          return this.#checked(request, 'POST') ?? (await this.#logout(request));
        default:
          return refusedLogin('CORDON_ROUTE_UNKNOWN', 'no such path of a login');
      }
    } catch (thrown) {
      return refusedLogin(...unexpected(thrown));
    }
  }

  /** Ends the connections to the provider. */
  close(): void {
    this.#options.client.close();
  }

  #checked({ method, origin }: LoginRequest, expected: string): LoginAnswer | null {
    if (method !== expected)
      return refusedLogin('CORDON_METHOD_REFUSED', 'another method', [['allow', expected]]);
    // A cookie would be sent in the clear, and anyone on the way could log in with it.
    return isTrustworthy(origin) ? null : refusedLogin('CORDON_LOGIN_REFUSED', 'plain http');
  }

  #names({ origin }: LoginRequest): CookieNames {
    return new CookieNames(this.#options.app, this.#options.name, origin.startsWith('https:'));
  }

  async #login(request: LoginRequest): Promise<LoginAnswer> {
    const to = destinationOf(request.query);
    if (to === null) return refusedLogin('CORDON_LOGIN_REFUSED', 'it would lead back to another place');
    const names = this.#names(request);
    const { origin } = request;
    const { randomNonce, randomPKCECodeVerifier, randomState } = await import('openid-client');
    const pending = {
      state: randomState(),
      nonce: randomNonce(),
      verifier: randomPKCECodeVerifier(),
      to,
      origin,
      expiresAt: this.#options.clock.now() + LIMITS.oidcLoginMs.value,
    };
    const location = await this.#provider.loginUrl(pending, `${origin}${this.path}/callback`);
    const cookie = names.set(
      names.login(pending.state),
      await this.#seals.sealPending(pending),
      LIMITS.oidcLoginMs.value,
    );
    // Those that were given up do not pile up in the fields of every request.
    const others = names.logins(request.cookie);
    const stale = others.length >= LIMITS.oidcLoginsPerBrowserMax.value ? others : [];
    return redirect(location.href, [...stale.map((name) => names.clear(name)), cookie]);
  }

  async #logout(request: LoginRequest): Promise<LoginAnswer> {
    const forgery = forgeryOf(request);
    if (forgery !== null) return refusedLogin('CORDON_FORBIDDEN', forgery);
    const to = destinationOf(request.query);
    if (to === null) return refusedLogin('CORDON_LOGIN_REFUSED', 'it would lead back to another place');
    const names = this.#names(request);
    const cookies = [names.clear(names.session)];
    const value = cookieValue(request.cookie, names.session);
    const session = value === null || value === '' ? null : await this.#seals.openSession(value);
    if (session === null) return redirect(to, cookies);
    const { app, name, ended } = this.#options;
    try {
      await ended.end(app, name, session.id, session.expiresAt);
    } catch (thrown) {
      // It has ended here and now, but a restart could bring it back.
      const [code, reason] = unexpected(thrown);
      return refusedLogin(code, reason, cookieFields(cookies));
    }
    const elsewhere = await this.#provider.logoutUrl().catch(() => null);
    return redirect(elsewhere?.href ?? to, cookies);
  }
}

/** `to` of a query, `/` without it, null for what is no path to lead back to. */
function destinationOf(query: string): string | null {
  const values = new URLSearchParams(query).getAll('to');
  const [to = '/'] = values;
  return values.length > 1 ? null : returnPathOf(to);
}

function cookieFields(cookies: readonly string[]): readonly (readonly [string, string])[] {
  return cookies.map((cookie) => ['set-cookie', cookie] as const);
}

function unexpected(thrown: unknown): readonly [ErrorCode, string] {
  const { code, message } = (thrown ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const reason = typeof message === 'string' ? message : 'unknown error';
  return [code === 'CORDON_LOGIN_UNAVAILABLE' ? code : 'CORDON_INTERNAL', reason];
}
