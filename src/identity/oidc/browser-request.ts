import type { Credentials } from '../port.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK = /^http:\/\/(?:localhost|[a-z0-9.-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/** What a request shows, with what decides whether a cookie may speak for it. */
export interface BrowserCredentials extends Credentials {
  readonly method: string;
  /** Origin that was asked, such as `https://shop.example`: of the canonical target, never of a field alone. */
  readonly origin: string;
}

/** A request to a path of a login. */
export interface LoginRequest {
  readonly method: string;
  /** Canonical. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** The Cookie fields as one. */
  readonly cookie: string | null;
  /** Origin that was asked, such as `https://shop.example`. */
  readonly origin: string;
  /** Value of the one field of this lower-case name; null where it is absent or repeated. */
  field(name: string): string | null;
}

/** What tells where a request comes from. */
type Provenance = Pick<BrowserCredentials, 'method' | 'origin' | 'field'>;

/** Origins with TLS, and those of this machine, where a browser needs none (Secure Contexts). */
export function isTrustworthy(origin: string): boolean {
  return origin.startsWith('https://') || LOOPBACK.test(origin);
}

/**
 * Why a cookie does not speak for a request, or null. A browser sends cookies along with what other sites make
 * it send; `SameSite=Lax` holds that back for other sites, and this for other origins of the same site:
 * a method that changes something has to come from a page of this very origin, by Sec-Fetch-Site or Origin
 * (Fetch Metadata, RFC 6454 section 7.3), and neither may say otherwise.
 */
export function forgeryOf(request: Provenance): string | null {
  const { method, origin } = request;
  const site = request.field('sec-fetch-site');
  const from = request.field('origin');
  if (!SAFE_METHODS.has(method)) {
    if (site === null && from === null) return 'no Origin and no Sec-Fetch-Site';
    if (site !== null && site !== 'same-origin') return 'sent by another site';
    return from !== null && from !== origin ? 'sent by another origin' : null;
  }
  // A WebSocket is opened with GET and no rule of CORS protects its answers; a fetch is judged by CORS.
  return from !== null && from !== origin && request.field('sec-fetch-mode') !== 'cors'
    ? 'opened by another origin'
    : null;
}

/** True for a browser that goes to a page, so that leading it to a login is of use. */
export function isNavigation(request: Pick<BrowserCredentials, 'method' | 'field'>): boolean {
  const mode = request.field('sec-fetch-mode');
  const destination = request.field('sec-fetch-dest');
  return (
    request.method === 'GET' &&
    (request.field('accept') ?? '').includes('text/html') &&
    (mode === null || mode === 'navigate') &&
    (destination === null || destination === 'document')
  );
}
