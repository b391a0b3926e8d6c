import { systemClock } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { OidcSpec } from '../../manifest/index.ts';
import type { Store } from '../../store/index.ts';
import type { Vault } from '../../vault/index.ts';
import { IssuerClient } from '../jwt/issuer-client.ts';
import type { Verdict } from '../port.ts';
import { EndedSessions, OidcAuthenticator, OidcLogin } from './index.ts';
import type { BrowserCredentials, LoginAnswer } from './index.ts';
import { CLIENT_ID } from './provider.fixture.ts';

export const ORIGIN = 'https://shop.example';

export interface App {
  readonly login: OidcLogin;
  readonly authenticator: OidcAuthenticator;
  readonly ended: EndedSessions;
}

export interface AppOptions {
  readonly issuer: string;
  readonly store: Store;
  readonly vault: Vault;
  readonly clock?: Clock;
  readonly app?: string;
  readonly name?: string;
  readonly spec?: Partial<OidcSpec>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly ended?: EndedSessions;
  readonly timeoutMs?: number;
}

/** An app whose callers log in. */
export async function openApp(options: AppOptions): Promise<App & { close(): void }> {
  const { issuer, store, vault, clock = systemClock, app = 'shop', name = 'staff' } = options;
  const spec: OidcSpec = {
    issuer,
    clientId: CLIENT_ID,
    clientSecret: null,
    scopes: ['openid'],
    sessionMs: 3_600_000,
    claims: {},
    unsafePrivate: true,
    ...options.spec,
  };
  const ended = options.ended ?? (await EndedSessions.open({ store, project: 'default', clock }));
  const client = new IssuerClient({
    resolver: { resolve: () => Promise.reject(new Error('no names here')) },
    unsafePrivate: true,
  });
  const login = new OidcLogin({
    project: 'default',
    app,
    name,
    spec,
    vault,
    ended,
    secret: (wanted) => Promise.resolve(options.secrets?.[wanted] ?? null),
    client,
    clock,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  const authenticator = new OidcAuthenticator({ app, name, spec, seals: login.seals, ended, clock });
  return { login, authenticator, ended, close: () => login.close() };
}

export type Fields = Readonly<Record<string, string>>;

/** A browser with the cookies of one origin. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly origin: string;

  constructor(origin = ORIGIN) {
    this.origin = origin;
  }

  get cookie(): string | null {
    return this.cookies.size === 0 ? null : [...this.cookies].map((pair) => pair.join('=')).join('; ');
  }

  /** Cookies of another browser, as who steals them has them. */
  copy(): Browser {
    const copy = new Browser(this.origin);
    for (const [name, value] of this.cookies) copy.cookies.set(name, value);
    return copy;
  }

  async go(login: OidcLogin, method: string, target: string, fields: Fields = {}): Promise<LoginAnswer> {
    const [path = '', query = ''] = target.split('?', 2);
    const answer = await login.handle({
      method,
      path,
      query,
      cookie: this.cookie,
      origin: this.origin,
      field: (name) => fields[name] ?? null,
    });
    for (const [name, value] of answer.fields) if (name === 'set-cookie') this.#keep(value);
    return answer;
  }

  authenticate(
    authenticator: OidcAuthenticator,
    { method = 'GET', fields = {} }: { readonly method?: string; readonly fields?: Fields } = {},
  ): Verdict | Promise<Verdict> {
    const credentials: BrowserCredentials = {
      method,
      origin: this.origin,
      authorization: null,
      cookie: this.cookie,
      field: (name) => fields[name] ?? null,
      certificate: null,
      body: null,
      address: '192.0.2.1',
    };
    return authenticator.authenticate(credentials);
  }

  #keep(line: string): void {
    const [, name = '', value = '', age = ''] = /^([^=]+)=([^;]*); Path=\/; Max-Age=(\d+);/.exec(line) ?? [];
    if (age === '0') this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/** Value of a field of an answer. */
export function fieldOf(answer: LoginAnswer, name: string): string {
  return answer.fields.find(([given]) => given === name)?.[1] ?? '';
}
