const NAME_CHARACTERS = 8;
const VALUE = /^[A-Za-z0-9_-]+$/;
const COOKIE_SPACE = /^[ \t]+|[ \t]+$/g;
const OWN = /^(?:__Host-)?cordon-/i;

/** Names of the cookies of an authenticator, for an origin with TLS or for one on this machine without. */
export class CookieNames {
  readonly session: string;
  readonly #isSecure: boolean;

  /** The names of an app and of an authenticator have no full stop, so two pairs never make one name. */
  constructor(app: string, authenticator: string, isSecure: boolean) {
    // Browsers take `__Host-` from the very host with TLS alone (RFC 6265bis section 4.1.3.2).
    this.session = `${isSecure ? '__Host-' : ''}cordon-${app}.${authenticator}`;
    this.#isSecure = isSecure;
  }

  /** Each login has its own, so that two that are under way do not disturb each other. */
  login(state: string): string {
    return `${this.session}.${state.slice(0, NAME_CHARACTERS)}`;
  }

  /** Names of logins that are under way in a browser. */
  logins(cookie: string | null): readonly string[] {
    const prefix = `${this.session}.`;
    const names = pairsOf(cookie).map(([name]) => name);
    return [...new Set(names)].filter(
      (name) =>
        name.startsWith(prefix) &&
        name.length === prefix.length + NAME_CHARACTERS &&
        VALUE.test(name.slice(prefix.length)),
    );
  }

  /** A Set-Cookie value. `SameSite=Lax`: it comes along when the provider leads back, and with no form of others. */
  set(name: string, value: string, maxAgeMs: number): string {
    const seconds = Math.max(0, Math.floor(maxAgeMs / 1000));
    const secure = this.#isSecure ? '; Secure' : '';
    return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
  }

  clear(name: string): string {
    return this.set(name, '', 0);
  }
}

/** Value of a cookie: null where there is none, empty where it is there twice or is not one of ours. */
export function cookieValue(cookie: string | null, name: string): string | null {
  const values = pairsOf(cookie).filter(([given]) => given === name);
  const [first] = values;
  if (first === undefined || (values.length === 1 && first[1] === '')) return null;
  return values.length === 1 && VALUE.test(first[1]) ? first[1] : '';
}

/** True for a cookie of Cordon's own, which no function is to see or to set. In any case: browsers differ. */
export function isOwnCookie(name: string): boolean {
  return OWN.test(name);
}

/** The Cookie field without cookies of Cordon's own; null where nothing is left. */
export function withoutOwnCookies(cookie: string | null): string | null {
  // The common case costs a search and no more.
  if (cookie === null || !/cordon-/i.test(cookie)) return cookie;
  const kept = cookie.split(';').filter((pair) => !isOwnCookie(nameOf(pair)));
  return kept.length === 0 ? null : kept.join(';').replace(COOKIE_SPACE, '');
}

/** RFC 6265 section 5.4 in reverse. */
function pairsOf(cookie: string | null): readonly (readonly [string, string])[] {
  return (cookie ?? '').split(';').map((pair) => {
    const name = nameOf(pair);
    const at = pair.indexOf('=');
    return [name, at === -1 ? '' : pair.slice(at + 1).replace(COOKIE_SPACE, '')] as const;
  });
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return (at === -1 ? pair : pair.slice(0, at)).replace(COOKIE_SPACE, '');
}
