import { z } from 'zod';
import { SECRET_NAME } from './grants.ts';
import { duration } from './units.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
/** Path of a file of the app, below its folder. */
export const APP_FILE = /^(?!\/)(?!.*(?:^|\/)\.{1,2}(?:\/|$))(?!.*\/\/)[^\0\\]{1,200}$/;
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

/** Signature algorithms that a JWT may have. None of them is symmetric, and none is `none` (RFC 8725). */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export const WEBHOOK_SCHEMES = ['standard', 'github', 'stripe', 'slack'] as const;
export const ATTRIBUTE_TYPES = ['string', 'strings', 'integer', 'boolean'] as const;
/** How a caller can be known by an authenticator of the app. */
export const AUTH_KINDS = ['jwt', 'oidc', 'apiKey', 'mtls', 'webhook'] as const;

const url = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s?#]+$/, { error: 'expected an http or https URL without query and fragment' });
const scope = z.string().regex(SCOPE);
const secretName = z.string().regex(SECRET_NAME);
const unsafePrivate = z
  .boolean()
  .optional()
  .describe('True allows plain http and private, loopback and link-local addresses. The audit reports it.');
/** Attributes that policies may ask for. What is not named here, no policy sees. */
export const attributes = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/), z.enum(ATTRIBUTE_TYPES))
  .optional();

const jwt = z.strictObject({
  issuer: url.describe(
    'Exact value of `iss`. Its OIDC discovery document names the keys unless `jwks` does.',
  ),
  audience: z
    .union([z.string().min(1).max(512), z.array(z.string().min(1).max(512)).min(1).max(10)])
    .describe('A token has to be for one of these.'),
  jwks: url.optional().describe('URL of the JSON Web Key Set. Default: what discovery says.'),
  algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1).optional().describe('Default: RS256, ES256, EdDSA.'),
  clockSkew: duration({ min: 0, max: 5 * MINUTE_MS })
    .optional()
    .describe('By how much the clocks may differ. Default: "30s".'),
  subject: z.string().min(1).max(64).optional().describe('Claim that names the caller. Default: sub.'),
  claims: attributes.describe('Claims that policies may ask for, with their types.'),
  unsafePrivate,
});

const oidc = z.strictObject({
  issuer: url.describe('Issuer of the OpenID provider; its discovery document says the rest.'),
  clientId: z.string().min(1).max(512),
  clientSecret: secretName.optional().describe('Name of the secret. Default: a public client, PKCE alone.'),
  scopes: z.array(scope).max(20).optional().describe('Scopes to ask for. Default: openid.'),
  session: duration({ min: MINUTE_MS, max: 30 * DAY_MS })
    .optional()
    .describe('How long a login lasts. Default: "8h".'),
  claims: attributes.describe('Claims of the ID token that policies may ask for, with their types.'),
  unsafePrivate,
});

const apiKey = z.strictObject({
  scopes: z.array(scope).max(50).optional().describe('Scopes that keys may be given. Default: none.'),
});

const mtls = z.strictObject({
  ca: z.string().regex(APP_FILE).describe('File with the certificates (PEM) of the authorities.'),
  subjects: z
    .array(z.string().min(1).max(512))
    .min(1)
    .max(50)
    .optional()
    .describe(
      'Who may call: "CN=name", "DNS:name", "URI:spiffe://…" or "EMAIL:name", with `*` at one end. Default: every certificate of the authorities.',
    ),
});

const webhook = z.strictObject({
  scheme: z.enum(WEBHOOK_SCHEMES).describe('How the sender signs.'),
  secrets: z
    .array(secretName)
    .min(1)
    .max(5)
    .describe('Names of the secrets that are accepted, so that keys can be changed without a gap.'),
  tolerance: duration({ min: 1000, max: 60 * MINUTE_MS })
    .optional()
    .describe('Greatest age of a delivery. Default: "5m".'),
});

const named = <T extends z.ZodType>(value: T) => z.record(z.string().regex(NAME), value).optional();

/** Section `auth` of the manifest: who can vouch for callers, by kind and name. */
export const authSchema = z.strictObject({
  jwt: named(jwt),
  oidc: named(oidc),
  apiKey: named(apiKey),
  mtls: named(mtls),
  webhook: named(webhook),
});

const authName = z.string().regex(NAME).optional();

/** `auth` of a route. */
export const routeAuthSchema = z
  .union([
    z.enum(['public', 'control']),
    z.strictObject({
      jwt: authName,
      oidc: authName,
      apiKey: authName,
      mtls: authName,
      webhook: authName,
      scopes: z
        .array(scope)
        .min(1)
        .max(20)
        .optional()
        .describe('Scopes that the caller has to have, all of them.'),
    }),
  ])
  .describe(
    'Who may call: `"public"` for anyone, `"control"` for holders of a control token, or an authenticator of the section `auth`, such as `{ "jwt": "customers" }`. There is no default.',
  );

type Parsed = z.output<typeof authSchema>;
type Defined<T> = NonNullable<T>;
export type AuthKind = (typeof AUTH_KINDS)[number];
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];
export type Attributes = Readonly<Record<string, AttributeType>>;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];
export type WebhookScheme = (typeof WEBHOOK_SCHEMES)[number];

export interface JwtSpec {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Null: what OIDC discovery says. */
  readonly jwks: string | null;
  readonly algorithms: readonly JwtAlgorithm[];
  readonly clockSkewMs: number;
  /** Claim that names the caller. */
  readonly subject: string;
  readonly claims: Attributes;
  readonly unsafePrivate: boolean;
}

export interface OidcSpec {
  readonly issuer: string;
  readonly clientId: string;
  /** Name of the secret; null for a public client. */
  readonly clientSecret: string | null;
  /** `openid` is among them. */
  readonly scopes: readonly string[];
  readonly sessionMs: number;
  readonly claims: Attributes;
  readonly unsafePrivate: boolean;
}

export interface ApiKeySpec {
  readonly scopes: readonly string[];
}

export interface MtlsSpec {
  /** File of the app. */
  readonly ca: string;
  /** Null: every certificate of the authorities. */
  readonly subjects: readonly string[] | null;
}

export interface WebhookSpec {
  readonly scheme: WebhookScheme;
  /** Names of secrets. */
  readonly secrets: readonly string[];
  readonly toleranceMs: number;
}

/** The authenticators of an app, every kind present. Plain data. */
export interface AuthSpec {
  readonly jwt: Readonly<Record<string, JwtSpec>>;
  readonly oidc: Readonly<Record<string, OidcSpec>>;
  readonly apiKey: Readonly<Record<string, ApiKeySpec>>;
  readonly mtls: Readonly<Record<string, MtlsSpec>>;
  readonly webhook: Readonly<Record<string, WebhookSpec>>;
}

/** An authenticator that a route asks for, and the scopes that the caller has to have. */
export interface NamedAuth {
  readonly kind: AuthKind;
  readonly name: string;
  readonly scopes: readonly string[];
}

export type RouteAuth = 'public' | 'control' | NamedAuth;

export const NO_AUTH: AuthSpec = { jwt: {}, oidc: {}, apiKey: {}, mtls: {}, webhook: {} };

const DEFAULT_ALGORITHMS: readonly JwtAlgorithm[] = ['RS256', 'ES256', 'EdDSA'];

/** Fills in what a manifest leaves out. */
export function resolveAuth(parsed: Parsed | undefined): AuthSpec {
  return {
    jwt: mapped(parsed?.jwt, (spec) => ({
      issuer: spec.issuer,
      audiences: typeof spec.audience === 'string' ? [spec.audience] : spec.audience,
      jwks: spec.jwks ?? null,
      algorithms: spec.algorithms ?? DEFAULT_ALGORITHMS,
      clockSkewMs: spec.clockSkew ?? MINUTE_MS / 2,
      subject: spec.subject ?? 'sub',
      claims: spec.claims ?? {},
      unsafePrivate: spec.unsafePrivate ?? false,
    })),
    oidc: mapped(parsed?.oidc, (spec) => ({
      issuer: spec.issuer,
      clientId: spec.clientId,
      clientSecret: spec.clientSecret ?? null,
      scopes: [...new Set(['openid', ...(spec.scopes ?? [])])],
      sessionMs: spec.session ?? DAY_MS / 3,
      claims: spec.claims ?? {},
      unsafePrivate: spec.unsafePrivate ?? false,
    })),
    apiKey: mapped(parsed?.apiKey, (spec) => ({ scopes: spec.scopes ?? [] })),
    mtls: mapped(parsed?.mtls, (spec) => ({ ca: spec.ca, subjects: spec.subjects ?? null })),
    webhook: mapped(parsed?.webhook, (spec) => ({
      scheme: spec.scheme,
      secrets: spec.secrets,
      toleranceMs: spec.tolerance ?? 5 * MINUTE_MS,
    })),
  };
}

/** `auth` of a route that has been checked: exactly one authenticator is named. */
export function resolveRouteAuth(parsed: z.output<typeof routeAuthSchema>): RouteAuth {
  if (typeof parsed === 'string') return parsed;
  for (const kind of AUTH_KINDS) {
    const name = parsed[kind];
    if (name !== undefined) return { kind, name, scopes: parsed.scopes ?? [] };
  }
  // `checkRoutes` has refused it.
  return 'control';
}

function mapped<T, R>(
  values: Readonly<Record<string, T>> | undefined,
  resolve: (value: Defined<T>) => R,
): Record<string, R> {
  return Object.fromEntries(
    Object.entries(values ?? {}).map(([name, value]) => [name, resolve(value as Defined<T>)]),
  );
}
