import { METHODS, SECURITY_HEADERS } from '../../manifest/index.ts';
import type { CorsSpec, Method, RouteSpec, SecurityHeader } from '../../manifest/index.ts';

const SECOND_MS = 1000;

/**
 * What a browser is told where the manifest says nothing else. Nothing is loaded from elsewhere, nothing
 * frames the page, no address leaks to other sites.
 */
const DEFAULTS: Readonly<Record<SecurityHeader, string>> = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  // Subdomains and preloading are for whoever owns the whole domain to say.
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The question of a browser whether a page of another origin may send a request (Fetch, CORS preflight). */
export interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: readonly string[];
}

/** The answer to a preflight, status 204. */
export interface PreflightAnswer {
  readonly allowed: boolean;
  /** For the operator; empty where it is allowed. */
  readonly reason: string;
  /** Flat. Without `access-control-…` where it is not allowed, which is how a browser is told no. */
  readonly fields: readonly string[];
}

/** The fields that the host adds to every answer of a route, and those that a function cannot set. */
export interface ResponsePolicy {
  /** Flat, the same array each time. `origin` is that of the request; `secure`: it came over TLS. */
  fieldsFor(origin: string | null, secure: boolean): readonly string[];
  /**
   * True for fields of a function's answer that are left out, by their name in lower case: security headers
   * that the manifest does not give to the function, and everything of CORS, with or without a section `cors`,
   * so that no framework opens a route that the manifest keeps closed.
   */
  isOwned(name: string): boolean;
  /** Null where the route is not shared with other origins: then the request is an ordinary OPTIONS. */
  preflight(question: Preflight, secure: boolean): PreflightAnswer | null;
}

/** The parts of a route that say how it is answered. */
export type AnswerSpec = Pick<RouteSpec, 'cors' | 'methods' | 'securityHeaders'>;

/** The policy of answers without a route. */
export const NO_ROUTE: AnswerSpec = { cors: null, methods: null, securityHeaders: {} };

/** Reads a preflight from a request; null where it is none. `fields` are flat, `origin` the one Origin. */
export function readPreflight(
  method: string,
  origin: string | null,
  fields: readonly string[],
): Preflight | null {
  if (method !== 'OPTIONS' || origin === null) return null;
  let asked: string | null = null;
  let headers = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]?.toLowerCase();
    const value = fields[i + 1] ?? '';
    if (name === 'access-control-request-method') {
      if (asked !== null) return null;
      asked = value;
    } else if (name === 'access-control-request-headers')
      headers = headers === '' ? value : `${headers},${value}`;
  }
  if (asked === null) return null;
  const names = headers.split(',').map((name) => name.trim().toLowerCase());
  return { origin, method: asked, headers: names.filter((name) => name !== '') };
}

/** Makes the policy of a route. All of its answers are made here, so that a request only picks one. */
export function compileResponsePolicy(route: AnswerSpec): ResponsePolicy {
  const plain = securityFields(route, false);
  const secure = securityFields(route, true);
  const released = new Set<string>(
    SECURITY_HEADERS.filter((name) => route.securityHeaders[name] === 'function'),
  );
  const guarded = new Set<string>(SECURITY_HEADERS.filter((name) => !released.has(name)));
  const isOwned = (name: string): boolean => guarded.has(name) || name.startsWith('access-control-');
  const { cors } = route;
  if (cors === null) {
    return { isOwned, fieldsFor: (_origin, isSecure) => (isSecure ? secure : plain), preflight: () => null };
  }
  const shared = new SharedRoute(cors, route.methods, plain, secure);
  return {
    isOwned,
    fieldsFor: (origin, isSecure) => shared.fieldsFor(origin, isSecure),
    preflight: (question, isSecure) => shared.preflight(question, isSecure),
  };
}

interface Pair {
  readonly plain: readonly string[];
  readonly secure: readonly string[];
}

const VARY = ['vary', 'origin'] as const;
const VARY_PREFLIGHT = [
  'vary',
  'origin, access-control-request-method, access-control-request-headers',
] as const;

/** A route that pages of other origins may call. An origin in an answer is one of the manifest, never the caller's text. */
class SharedRoute {
  readonly #plain: readonly string[];
  readonly #secure: readonly string[];
  /** Fields for each listed origin. */
  readonly #listed = new Map<string, Pair>();
  /** Fields for all other origins, and for requests without one. */
  readonly #others: Pair;
  readonly #everyOrigin: boolean;
  readonly #methods: ReadonlySet<string>;
  readonly #headers: ReadonlySet<string>;
  /** What an allowed preflight is told besides the origin. */
  readonly #permission: readonly string[];
  readonly #sharing: readonly string[];

  constructor(
    cors: CorsSpec,
    methods: readonly Method[] | null,
    plain: readonly string[],
    secure: readonly string[],
  ) {
    this.#plain = plain;
    this.#secure = secure;
    this.#everyOrigin = cors.origins.includes('*');
    this.#sharing = cors.credentials ? ['access-control-allow-credentials', 'true'] : [];
    const exposed =
      cors.exposed.length === 0
        ? []
        : ['access-control-expose-headers', cors.exposed.join(', ').toLowerCase()];
    const onActual = [...this.#sharing, ...exposed];
    this.#others = this.#everyOrigin
      ? pairOf(plain, secure, ['access-control-allow-origin', '*', ...onActual])
      : pairOf(plain, secure, VARY);
    if (!this.#everyOrigin) {
      for (const origin of cors.origins.map(canonicalOrigin)) {
        this.#listed.set(
          origin,
          pairOf(plain, secure, ['access-control-allow-origin', origin, ...onActual, ...VARY]),
        );
      }
    }
    this.#methods = new Set(methodsOf(cors.methods ?? methods ?? METHODS));
    this.#headers = new Set(cors.headers.map((name) => name.toLowerCase()));
    this.#permission = [
      ...['access-control-allow-methods', [...this.#methods].join(', ')],
      ...(this.#headers.size === 0 ? [] : ['access-control-allow-headers', [...this.#headers].join(', ')]),
      ...['access-control-max-age', String(Math.floor(cors.maxAgeMs / SECOND_MS))],
    ];
  }

  fieldsFor(origin: string | null, isSecure: boolean): readonly string[] {
    const { plain, secure } = (origin === null ? undefined : this.#listed.get(origin)) ?? this.#others;
    return isSecure ? secure : plain;
  }

  preflight({ origin, method, headers }: Preflight, isSecure: boolean): PreflightAnswer {
    const own = isSecure ? this.#secure : this.#plain;
    const reason = this.#objection(origin, method, headers);
    if (reason !== '') return { allowed: false, reason, fields: [...own, ...VARY_PREFLIGHT] };
    const told = this.#everyOrigin ? '*' : origin;
    const fields = [
      ...own,
      ...['access-control-allow-origin', told],
      ...this.#sharing,
      ...this.#permission,
      ...VARY_PREFLIGHT,
    ];
    return { allowed: true, reason, fields };
  }

  #objection(origin: string, method: string, headers: readonly string[]): string {
    // Equal to one of the manifest, so that it can be told.
    if (!this.#everyOrigin && !this.#listed.has(origin)) return 'origin';
    if (!this.#methods.has(method)) return 'method';
    if (headers.some((name) => !this.#headers.has(name))) return 'header';
    return '';
  }
}

function pairOf(plain: readonly string[], secure: readonly string[], more: readonly string[]): Pair {
  return { plain: [...plain, ...more], secure: [...secure, ...more] };
}

/** As a browser writes it (RFC 6454 section 6.2): without the port that is the scheme's own. */
function canonicalOrigin(origin: string): string {
  return URL.parse(origin)?.origin ?? origin;
}

function methodsOf(methods: readonly Method[]): readonly Method[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
}

function securityFields({ securityHeaders }: AnswerSpec, secure: boolean): readonly string[] {
  const fields: string[] = [];
  for (const name of SECURITY_HEADERS) {
    const said = securityHeaders[name] ?? DEFAULTS[name];
    // RFC 6797 section 7.2: not over a connection that anyone could have answered.
    const skipped = name === 'strict-transport-security' && !secure;
    if (said !== 'off' && said !== 'function' && !skipped) fields.push(name, said);
  }
  return fields;
}
