import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import { SECRET_NAME } from '../manifest/index.ts';
import { sourceViewSchema } from './event-schema.ts';

/** Name of an app or a function. */
export const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/)
  .describe('Lower-case letters, digits and hyphens; starts with a letter; at most 63 characters.');

/** Deployment id: all of its 64 hex digits, or at least the first 8. */
export const deploymentIdSchema = z
  .string()
  .regex(/^[0-9a-f]{8,64}$/)
  .describe('Deployment id: lower-case hex SHA-256, or at least its first 8 digits.');

export const percentSchema = z.coerce
  .number<number | string>()
  .int()
  .min(0)
  .max(100)
  .describe('Whole percent, 0 to 100.');

const time = z.number().describe('Milliseconds since the Unix epoch.');

export const routeViewSchema = z.object({
  path: z.string(),
  methods: z.array(z.string()).nullable().describe('Null: all methods.'),
  auth: z.string().describe('Who may call.'),
  deliver: z.enum(['request', 'webhook', 'cloudevents']),
  url: z.string(),
});

export const functionViewSchema = z.object({
  name: z.string(),
  entry: z.string(),
  format: z.enum(['script', 'module']),
  bundleBytes: z.number(),
  handlers: z.array(z.string()),
  routes: z.array(routeViewSchema),
  sources: z.array(sourceViewSchema),
  limits: z.object({
    timeMs: z.number(),
    memoryBytes: z.number(),
    concurrency: z.number(),
    instances: z.number(),
    bodyBytes: z.number(),
    responseBytes: z.number(),
  }),
});

export const deploymentViewSchema = z.object({
  id: z.string(),
  app: z.string(),
  createdAt: time,
  role: z.enum(['live', 'canary', 'previous', 'retained']),
  functions: z.array(functionViewSchema),
});

export const appViewSchema = z.object({
  name: z.string(),
  hosts: z.array(z.string()).describe('Empty: every host that no app names.'),
  live: z.string(),
  canary: z.object({ deployment: z.string(), percent: z.number() }).nullable(),
  previous: z.string().nullable(),
  functions: z.array(functionViewSchema).describe('Of the live deployment.'),
});

export const deployResultSchema = z.object({
  deployment: deploymentViewSchema,
  app: appViewSchema,
  unchanged: z.boolean().describe('True when exactly this deployment was already served.'),
  steps: z.array(z.object({ name: z.string(), ms: z.number() })),
  warnings: z.array(z.string()),
});

// RFC 9110 section 5.5: visible ASCII, space and tab; obs-text is refused.
const headerValue = z
  .string()
  .max(8192)
  .regex(/^[\t\x20-\x7e]*$/);
const headerName = z
  .string()
  .max(256)
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);

export const headersSchema = z
  .array(z.tuple([headerName, headerValue]))
  .max(LIMITS.headersCountMax.value)
  .describe('Pairs of name and value, in order.');

export const invokeBodySchema = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Z]{1,16}$/)
    .default('GET'),
  path: z
    .string()
    .max(LIMITS.urlBytesMax.value)
    .regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/)
    .default('/')
    .describe('Path and query as the function sees them.'),
  headers: headersSchema.default([]),
  bodyBase64: z.base64().optional(),
});

export const invokeResultSchema = z.object({
  request: z.string().describe('Id that finds the log lines.'),
  instance: z.string().nullable(),
  status: z.number(),
  headers: z.array(z.tuple([z.string(), z.string()])),
  bodyBase64: z.string(),
  ms: z.number().describe('Milliseconds from dispatch to the last byte.'),
});

const sequence = z.coerce.number<number | string>().int().min(0);

export const logFilterShape = {
  app: nameSchema.optional(),
  function: nameSchema.optional(),
  request: z.string().max(64).optional(),
  instance: z.string().max(64).optional(),
  after: sequence.optional().describe('Only rows after this sequence number.'),
};

export const limitSchema = z.coerce
  .number<number | string>()
  .int()
  .min(1)
  .max(1000)
  .optional()
  .describe('Default 100.');

export const logLineSchema = z.object({
  sequence: z.number(),
  time,
  level: z.enum(['debug', 'info', 'warn', 'error']),
  source: z.enum(['platform', 'function']),
  app: z.string(),
  function: z.string(),
  deployment: z.string(),
  instance: z.string().nullable(),
  request: z.string().nullable(),
  message: z.string(),
});

export const EVENT_KINDS = [
  'request.malformed',
  'request.target_refused',
  'auth.failed',
  'auth.stuffing',
  'access.denied',
  'request.invalid',
  'limit.exceeded',
  'sandbox.syscall',
  'sandbox.memory',
  'sandbox.timeout',
  'sandbox.escape_attempt',
  'channel.violation',
  'control.refused',
  'grant.denied',
  'deploy.refused',
  'event.dead',
  'event.forged',
  'event.loop',
  'event.refused',
  'upload.rejected',
  'platform.unsafe',
  'platform.degraded',
] as const;

export const securityEventSchema = z.object({
  sequence: z.number(),
  time,
  kind: z.string(),
  severity: z.enum(['info', 'low', 'medium', 'high']),
  app: z.string().nullable(),
  function: z.string().nullable(),
  instance: z.string().nullable(),
  request: z.string().nullable(),
  reason: z.string(),
  detail: z.record(z.string(), z.unknown()),
});

export const statusSchema = z.object({
  startedAt: time,
  gatewayUrl: z.string(),
  isolation: z.string().describe('Name of the isolation adapter.'),
  confines: z.boolean().describe('False only with --unsafe-no-sandbox.'),
  pool: z.object({
    warm: z.number().describe('Anonymous sandboxes that are ready.'),
    booting: z.number(),
    size: z.number().describe('Anonymous sandboxes that the pool keeps.'),
  }),
  instances: z.array(
    z.object({
      id: z.string(),
      app: z.string(),
      function: z.string(),
      deployment: z.string(),
      requestsInFlight: z.number(),
      requestsServed: z.number(),
      pid: z.number().describe('Process id of the outermost process of its sandbox.'),
      memoryBytes: z.number(),
      cpuMicros: z.number(),
      startedAt: time,
    }),
  ),
  requestsWaiting: z.number().describe('Requests that wait for an instance.'),
  eventsWaiting: z.number().describe('Runs of events that wait for one.'),
  versions: z.record(z.string(), z.string()).describe('Of Cordon, Node.js, Deno and the sandbox.'),
});

export const secretNameSchema = z
  .string()
  .regex(SECRET_NAME)
  .describe('Capitals, digits and `_`; starts with a letter; at most 64 characters.');

export const secretValueSchema = z
  .string()
  .min(1)
  .refine((value) => Buffer.byteLength(value) <= LIMITS.secretValueBytesMax.value, {
    error: `More than ${LIMITS.secretValueBytesMax.value} bytes.`,
  })
  .refine((value) => value.isWellFormed(), { error: 'Not well-formed text.' })
  .describe(`Text of at most ${LIMITS.secretValueBytesMax.value} bytes in UTF-8. It is never shown again.`);

export const secretInfoSchema = z.object({ name: z.string(), createdAt: time, updatedAt: time });

export const apiKeyIdSchema = z
  .string()
  .regex(/^[0-9a-hjkmnp-tv-z]{8}$/)
  .describe('Id of an API key: what stands between its first two underscores.');

export const newApiKeySchema = z.strictObject({
  app: nameSchema,
  auth: nameSchema.describe('Name of an authenticator in `auth.apiKey` of the manifest.'),
  name: z.string().min(1).max(LIMITS.apiKeyNameBytesMax.value).describe('Whose key it is, for people.'),
  scopes: z
    .array(z.string().max(100))
    .max(LIMITS.apiKeyScopesMax.value)
    .default([])
    .describe('Among those that the authenticator lists.'),
  expiresAt: time.nullable().default(null).describe('Null: never.'),
});

export const apiKeySchema = z.object({
  id: z.string(),
  app: z.string(),
  auth: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  createdAt: time,
  expiresAt: time.nullable(),
  usedAt: time.nullable().describe('Written once a minute.'),
});

export const observedUseSchema = z.object({
  function: z.string(),
  capability: z.string(),
  binding: z.string().describe('Empty for what has none.'),
  operation: z.string(),
  resource: z.string(),
  outcome: z.enum(['allow', 'deny']),
  count: z.number(),
});

export const keyRotationSchema = z.object({
  state: z.enum(['idle', 'interrupted', 'running', 'done', 'failed']),
  kind: z.enum(['data', 'master']).nullable(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  version: z.number().nullable().describe('Of the new data key.'),
  places: z
    .array(
      z.object({
        place: z.string(),
        seen: z.number(),
        rewritten: z.number(),
        broken: z.number().describe('Could not be opened, and were left as they are.'),
        isDone: z.boolean(),
      }),
    )
    .describe('What was brought to the new data key.'),
  keys: z
    .object({ done: z.number(), total: z.number() })
    .nullable()
    .describe('Data keys that the new master key wraps.'),
  note: z.string().nullable().describe('What the operator has to do about it.'),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

export const errorBodySchema = z.object({
  error: z.object({
    code: z.string().describe('Stable code; see the list of errors.'),
    message: z.string(),
    next: z.string().describe('What to do about it.'),
    details: z.record(z.string(), z.unknown()),
    id: z.string().describe('Finds the security event.'),
  }),
});

/** What `GET /v1/status` says. */
export type ServerStatus = z.output<typeof statusSchema>;
export type SecretView = z.output<typeof secretInfoSchema>;
export type ObservedUseView = z.output<typeof observedUseSchema>;
/** How far the last rotation of keys is. */
export type KeyRotationView = z.output<typeof keyRotationSchema>;
export type AppView = z.output<typeof appViewSchema>;
export type FunctionView = z.output<typeof functionViewSchema>;
export type DeploymentView = z.output<typeof deploymentViewSchema>;
export type LogLineView = z.output<typeof logLineSchema>;
export type SecurityEventView = z.output<typeof securityEventSchema>;
export type ErrorBody = z.output<typeof errorBodySchema>;
