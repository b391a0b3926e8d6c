import { z } from 'zod';

const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;
const RESOURCE = /^[a-z][a-z0-9-]{0,62}$/;
/** Name of a secret. */
export const SECRET_NAME = /^[A-Z][A-Z0-9_]{0,63}$/;
const PIPE_TYPE = /^[a-z0-9]+(?:\.[a-z0-9]+)*$/;
const PIPE_TYPE_CHARACTERS_MAX = 100;
const PIPE_TYPES_MAX = 50;
const HOST_PORT = /^[^\s/@:]+:\d{1,5}$/;

export const KV_OPERATIONS = ['get', 'put', 'delete', 'list'] as const;
export const BUCKET_OPERATIONS = ['get', 'head', 'put', 'delete', 'list'] as const;
export const QUEUE_OPERATIONS = ['send'] as const;

const because = z
  .string()
  .min(10)
  .max(500)
  .optional()
  .describe('Why a grant that is wide, unused or unsafe is right all the same. Shown by the audit.');

const prefix = z
  .string()
  .max(512)
  .optional()
  .describe('Keys that the grant covers. Default: all of the resource.');

const kv = z.strictObject({
  store: z.string().regex(RESOURCE).describe('Name of the store; stores belong to the project.'),
  can: z.array(z.enum(KV_OPERATIONS)).min(1).describe('Operations.'),
  prefix,
  because,
});

const bucket = z.strictObject({
  bucket: z.string().regex(RESOURCE).describe('Name of the bucket; buckets belong to the project.'),
  can: z.array(z.enum(BUCKET_OPERATIONS)).min(1).describe('Operations.'),
  prefix,
  because,
});

const queue = z.strictObject({
  queue: z.string().regex(RESOURCE).describe('Name of the queue; queues belong to the project.'),
  can: z.array(z.enum(QUEUE_OPERATIONS)).min(1).describe('Operations.'),
  because,
});

const service = z.strictObject({
  function: z.string().regex(RESOURCE).describe('Function of the same app that may be called.'),
  because,
});

const pipe = z.strictObject({
  types: z
    .array(
      z.string().max(PIPE_TYPE_CHARACTERS_MAX).regex(PIPE_TYPE, {
        error: 'expected a type of event: lower-case letters, digits and single dots, such as "order.paid"',
      }),
    )
    .min(1)
    .max(PIPE_TYPES_MAX)
    .describe('Types of events that may be sent to the functions of the app that take them.'),
  because,
});

const secret = z.strictObject({
  secret: z.string().regex(SECRET_NAME).describe('Name of the secret, set by `cordon secret`.'),
  reveal: z
    .boolean()
    .optional()
    .describe('True gives code the value instead of a handle. The audit reports it.'),
  because,
});

const template = z
  .string()
  .max(1024)
  .describe('May hold `{secret:NAME}`, put in by the host on the way out.');

const fetchGrant = z.strictObject({
  to: z.string().max(2048).describe('URL pattern: scheme, host (`*.` for one label), port, path with `*`.'),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .optional()
    .describe('Default: GET and HEAD.'),
  header: z
    .record(z.string().regex(/^[a-z0-9-]+$/), template)
    .optional()
    .describe('Headers that the host sets.'),
  query: z.record(z.string(), template).optional().describe('Query parameters that the host sets.'),
  basic: z
    .strictObject({ user: template, password: template })
    .optional()
    .describe('HTTP basic authentication that the host sets.'),
  sign: z
    .union([
      z.strictObject({
        aws: z.strictObject({
          region: z.string(),
          service: z.string(),
          accessKeyId: template,
          secretAccessKey: template,
          sessionToken: template.optional(),
        }),
      }),
      z.strictObject({
        hmac: z.strictObject({
          header: z.string(),
          secret: z.string().regex(SECRET_NAME),
          algorithm: z.enum(['sha256', 'sha512']),
          encoding: z.enum(['hex', 'base64']),
          prefix: z.string().optional(),
        }),
      }),
    ])
    .optional()
    .describe('Signature that the host makes over the request.'),
  unsafePrivate: z
    .boolean()
    .optional()
    .describe('True allows private, loopback and link-local addresses. The audit reports it.'),
  because,
});

const connect = z.strictObject({
  to: z.string().regex(HOST_PORT).describe('`host:port` of one TCP service.'),
  unsafePrivate: z
    .boolean()
    .optional()
    .describe('True allows private, loopback and link-local addresses. The audit reports it.'),
  because,
});

const bindings = <T extends z.ZodType>(value: T) => z.record(z.string().regex(BINDING), value).optional();

/** What a function may do besides computing. Absent means nothing. */
export const grantsSchema = z.strictObject({
  kv: bindings(kv),
  bucket: bindings(bucket),
  queue: bindings(queue),
  service: bindings(service),
  pipe: bindings(pipe),
  secret: bindings(secret),
  fetch: z.array(fetchGrant).max(100).optional(),
  connect: z.array(connect).max(50).optional(),
});

type Parsed = z.output<typeof grantsSchema>;
type Defined<T> = NonNullable<T>;

export type KvGrant = Defined<Parsed['kv']>[string];
export type BucketGrant = Defined<Parsed['bucket']>[string];
export type QueueGrant = Defined<Parsed['queue']>[string];
export type ServiceGrant = Defined<Parsed['service']>[string];
export type PipeGrant = Defined<Parsed['pipe']>[string];
export type SecretGrant = Defined<Parsed['secret']>[string];
export type FetchGrant = Defined<Parsed['fetch']>[number];
export type ConnectGrant = Defined<Parsed['connect']>[number];

/** The grants of one function, every kind present. Plain data. */
export interface Grants {
  readonly kv: Readonly<Record<string, KvGrant>>;
  readonly bucket: Readonly<Record<string, BucketGrant>>;
  readonly queue: Readonly<Record<string, QueueGrant>>;
  readonly service: Readonly<Record<string, ServiceGrant>>;
  readonly pipe: Readonly<Record<string, PipeGrant>>;
  readonly secret: Readonly<Record<string, SecretGrant>>;
  readonly fetch: readonly FetchGrant[];
  readonly connect: readonly ConnectGrant[];
}

export const NO_GRANTS: Grants = {
  kv: {},
  bucket: {},
  queue: {},
  service: {},
  pipe: {},
  secret: {},
  fetch: [],
  connect: [],
};

/** Fills in the kinds that a manifest leaves out. */
export function resolveGrants(parsed: Parsed | undefined): Grants {
  return {
    kv: parsed?.kv ?? {},
    bucket: parsed?.bucket ?? {},
    queue: parsed?.queue ?? {},
    service: parsed?.service ?? {},
    pipe: parsed?.pipe ?? {},
    secret: parsed?.secret ?? {},
    fetch: parsed?.fetch ?? [],
    connect: parsed?.connect ?? [],
  };
}
