import { z } from 'zod';
import { APP_FILE, attributes, resolveRouteAuth, routeAuthSchema } from './auth.ts';
import type { Attributes, RouteAuth } from './auth.ts';
import { duration } from './units.ts';

const PATH = /^(?=\/)(?!.*\/\.{1,2}(?:\/|$))(?:\/:?[A-Za-z0-9._~-]+)*(?:\/\*?)?$/;
const RATE =
  /^([1-9][0-9]{0,8})\/(s|min|h|day) per (route|subject|key|address|project)(?: burst ([1-9][0-9]{0,8}))?$/;
const CONCURRENCY = /^([1-9][0-9]{0,5}) per (route|subject|key|address|project)$/;
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,63}\/(?:\*|[a-z0-9!#$&^_.+-]{1,63})$/;
const ORIGIN = /^(?:\*|https?:\/\/[a-z0-9.-]{1,253}(?::[0-9]{1,5})?)$/;
const HEADER = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const RESOURCE_TYPE = /^[A-Z][A-Za-z0-9]{0,63}$/;
const PERIOD_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, day: 86_400_000 };
const DAY_MS = 86_400_000;

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

/** Response headers that Cordon sets, so that a function that forgets them is safe all the same. */
export const SECURITY_HEADERS = [
  'content-security-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'referrer-policy',
  'strict-transport-security',
  'x-content-type-options',
  'x-frame-options',
] as const;
export type SecurityHeader = (typeof SECURITY_HEADERS)[number];

const file = z.string().regex(APP_FILE);
const rate = z
  .string()
  .regex(RATE, { error: 'expected a rate such as "60/min per subject" or "10/s per address burst 50"' });
const concurrency = z
  .string()
  .regex(CONCURRENCY, { error: 'expected a bound such as "20 per route" or "2 per subject"' });
const one = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1).max(10)]);

const lookup = z.strictObject({
  kv: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,62}$/)
    .describe('Store whose value, a JSON object, holds the attributes.'),
  key: z.string().min(1).max(512).describe('Key, with `{params.name}` for parameters of the path.'),
});

const resource = z.strictObject({
  type: z.string().regex(RESOURCE_TYPE).describe('Name of its type in policies, such as Order.'),
  id: z.string().min(1).max(512).describe('Its id, with `{params.name}` for parameters of the path.'),
  attributes: attributes.describe('Attributes that policies may ask for, with their types.'),
  from: lookup.optional().describe('Where the host reads the attributes.'),
});

const allow = z.union([
  file,
  z.strictObject({
    policies: file.describe('File of Cedar policies.'),
    resource: resource.optional().describe('What the request is about. Default: the route itself.'),
  }),
]);

const cors = z.strictObject({
  origins: z.array(z.string().regex(ORIGIN)).min(1).max(50).describe('Origins, or "*" for every one.'),
  methods: z.array(z.enum(METHODS)).min(1).optional().describe('Default: the methods of the route.'),
  headers: z.array(z.string().regex(HEADER)).max(50).optional().describe('Request headers that are allowed.'),
  exposed: z.array(z.string().regex(HEADER)).max(50).optional().describe('Response headers that are shown.'),
  credentials: z.boolean().optional().describe('True allows cookies. Not together with "*".'),
  maxAge: duration({ min: 0, max: DAY_MS })
    .optional()
    .describe('How long an answer is good for. Default: "10m".'),
});

const securityHeader = z
  .string()
  .max(4096)
  .regex(/^[\t\x20-\x7e]+$/)
  .describe('Its value, or "function" to let the function set it, or "off".');

export const DELIVERIES = ['webhook', 'cloudevents'] as const;

/** A route of a function in the manifest. */
export const routeSchema = z.strictObject({
  path: z
    .string()
    .regex(PATH)
    .describe('Path to match: literal segments, `:name` for one segment, `*` at the end for the rest.'),
  methods: z.array(z.enum(METHODS)).min(1).optional().describe('Methods to accept. Default: all of them.'),
  auth: routeAuthSchema,
  deliver: z
    .enum(DELIVERIES)
    .optional()
    .describe(
      'What is sent becomes an event, which `event` of the function gets once it is durable: "webhook" for signed deliveries, "cloudevents" for CloudEvents 1.0. Default: `fetch` of the function answers.',
    ),
  allow: allow
    .optional()
    .describe('Cedar policies that decide, or the file that holds them. Default: whoever is authenticated.'),
  rate: one(rate).optional().describe('How often it may be called, such as "60/min per subject".'),
  concurrency: one(concurrency)
    .optional()
    .describe('Requests and connections that may be open at once, such as "2 per subject".'),
  types: z
    .array(z.string().regex(MEDIA_TYPE))
    .min(1)
    .max(50)
    .optional()
    .describe('Content types of a request body. Default with `body`: application/json. Else: all.'),
  body: z
    .union([z.literal('json'), file])
    .optional()
    .describe('JSON Schema file for the body, or "json" for any strict JSON.'),
  query: file.optional().describe('JSON Schema file for the query, an object of its parameters.'),
  params: file.optional().describe('JSON Schema file for the parameters of the path.'),
  headers: file.optional().describe('JSON Schema file for request headers, in lower case.'),
  cors: cors.optional().describe('Pages of other origins that may call. Default: none.'),
  securityHeaders: z
    .partialRecord(z.enum(SECURITY_HEADERS), securityHeader)
    .optional()
    .describe('Response headers that differ from what Cordon sets.'),
});

type Parsed = z.output<typeof routeSchema>;

/** Whose requests are counted together. `key` is the credential: an API key, a token, a certificate. */
export type Per = 'route' | 'subject' | 'key' | 'address' | 'project';

/** A token bucket: `count` for each `periodMs`, at most `burst` at once. */
export interface RateSpec {
  readonly count: number;
  readonly periodMs: number;
  readonly per: Per;
  readonly burst: number;
}

export interface ConcurrencySpec {
  readonly count: number;
  readonly per: Per;
}

/** What a request is about, for policies. Texts may hold `{params.name}`. */
export interface ResourceSpec {
  readonly type: string;
  readonly id: string;
  readonly attributes: Attributes;
  readonly from: { readonly kv: string; readonly key: string } | null;
}

export interface AllowSpec {
  /** File of the app with Cedar policies. */
  readonly policies: string;
  /** Null: the route itself. */
  readonly resource: ResourceSpec | null;
}

export interface CorsSpec {
  readonly origins: readonly string[];
  /** Null: the methods of the route. */
  readonly methods: readonly Method[] | null;
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly credentials: boolean;
  readonly maxAgeMs: number;
}

export interface RouteSpec {
  readonly path: string;
  /** Null: all methods. */
  readonly methods: readonly Method[] | null;
  readonly auth: RouteAuth;
  /**
   * `request`: the function answers. `webhook`, `cloudevents`: the gateway answers 202 once what was sent is durable,
   * and the function gets it as an event.
   */
  readonly deliver: 'request' | 'webhook' | 'cloudevents';
  /** Null: whoever is authenticated. */
  readonly allow: AllowSpec | null;
  readonly rates: readonly RateSpec[];
  readonly concurrency: readonly ConcurrencySpec[];
  /** Null: all content types. */
  readonly types: readonly string[] | null;
  /** Files of JSON Schemas; body `json`: strict JSON without a schema. */
  readonly body: string | null;
  readonly query: string | null;
  readonly params: string | null;
  readonly headers: string | null;
  readonly cors: CorsSpec | null;
  /** Value, `function` or `off`. */
  readonly securityHeaders: Readonly<Partial<Record<SecurityHeader, string>>>;
}

const CORS_MAX_AGE_MS = 600_000;

/** Fills in what a manifest leaves out. */
export function resolveRoute(parsed: Parsed): RouteSpec {
  const { allow, cors: shared } = parsed;
  return {
    path: parsed.path,
    methods: parsed.methods === undefined ? null : [...new Set(parsed.methods)],
    auth: resolveRouteAuth(parsed.auth),
    deliver: parsed.deliver ?? 'request',
    allow:
      allow === undefined
        ? null
        : typeof allow === 'string'
          ? { policies: allow, resource: null }
          : { policies: allow.policies, resource: resolveResource(allow.resource) },
    rates: listOf(parsed.rate).map(parseRate),
    concurrency: listOf(parsed.concurrency).map(parseConcurrency),
    types: parsed.types ?? (parsed.body === undefined ? null : ['application/json']),
    body: parsed.body ?? null,
    query: parsed.query ?? null,
    params: parsed.params ?? null,
    headers: parsed.headers ?? null,
    cors:
      shared === undefined
        ? null
        : {
            origins: shared.origins,
            methods: shared.methods ?? null,
            headers: shared.headers ?? [],
            exposed: shared.exposed ?? [],
            credentials: shared.credentials ?? false,
            maxAgeMs: shared.maxAge ?? CORS_MAX_AGE_MS,
          },
    securityHeaders: parsed.securityHeaders ?? {},
  };
}

function resolveResource(parsed: z.output<typeof resource> | undefined): ResourceSpec | null {
  if (parsed === undefined) return null;
  return { type: parsed.type, id: parsed.id, attributes: parsed.attributes ?? {}, from: parsed.from ?? null };
}

/** Reads a rate that the schema has let through. */
export function parseRate(text: string): RateSpec {
  const [, count = '', period = '', per = '', burst] = RATE.exec(text) ?? [];
  return {
    count: Number(count),
    periodMs: PERIOD_MS[period] ?? Number.NaN,
    per: per as Per,
    burst: Number(burst ?? count),
  };
}

function parseConcurrency(text: string): ConcurrencySpec {
  const [, count = '', per = ''] = CONCURRENCY.exec(text) ?? [];
  return { count: Number(count), per: per as Per };
}

function listOf<T>(value: T | T[] | undefined): T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
