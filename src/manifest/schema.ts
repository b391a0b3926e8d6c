import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import { grantsSchema } from './grants.ts';
import type { Grants } from './grants.ts';
import { byteSize, duration } from './units.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const ENTRY = /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\0\\]+\.(ts|tsx|mts|js|jsx|mjs)$/;
const PATH = /^\/(?:(?::?[A-Za-z0-9._~-]+)(?:\/:?[A-Za-z0-9._~-]+)*(?:\/\*)?|\*)?\/?$/;

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const route = z.strictObject({
  path: z
    .string()
    .regex(PATH)
    .describe('Path to match: literal segments, `:name` for one segment, `*` at the end for the rest.'),
  methods: z.array(z.enum(METHODS)).min(1).optional().describe('Methods to accept. Default: all of them.'),
  auth: z
    .enum(['public', 'control'])
    .describe(
      'Who may call: `"public"` for anyone, `"control"` for holders of a control token. There is no default.',
    ),
});

const limits = z.strictObject({
  time: duration({ min: 10, max: LIMITS.functionTimeMsMax.value })
    .optional()
    .describe('Longest run of one event, such as "10s".'),
  memory: byteSize({ min: LIMITS.functionMemoryBytesMin.value, max: LIMITS.functionMemoryBytesMax.value })
    .optional()
    .describe('Memory of one instance, such as "128MiB".'),
  concurrency: z.int().min(1).max(1000).optional().describe('Requests in flight in one instance.'),
  instances: z.int().min(1).max(500).optional().describe('Instances of this function on one node.'),
  body: byteSize({ min: 0, max: 1024 ** 4 })
    .optional()
    .describe('Largest request body.'),
  response: byteSize({ min: 0, max: 1024 ** 4 })
    .optional()
    .describe('Largest response body.'),
});

const functionSchema = z.strictObject({
  entry: z.string().regex(ENTRY).describe('Entry module, relative to cordon.jsonc.'),
  routes: z.array(route).max(200).optional().describe('HTTP routes that run this function.'),
  vars: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/), z.string().max(8192))
    .optional()
    .describe('Plain values for `env`. Not for secrets.'),
  grants: grantsSchema.optional().describe('What the function may do besides computing. Default: nothing.'),
  limits: limits.optional(),
});

/** The schema of cordon.jsonc. Unknown keys fail; nothing is public or unlimited unless it says so. */
export const manifestSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(NAME).describe('Name of the app.'),
  hosts: z
    .array(z.string().regex(HOST))
    .min(1)
    .max(50)
    .optional()
    .describe('Host names that this app answers. Default: every host that no app names.'),
  functions: z.record(z.string().regex(NAME), functionSchema).describe('The functions of the app.'),
});

/** A manifest as a person wrote it, validated. */
export type ManifestInput = z.input<typeof manifestSchema>;
/** A validated manifest; durations in ms, sizes in bytes. */
export type ParsedManifest = z.output<typeof manifestSchema>;

export type Method = (typeof METHODS)[number];
export type RouteAuth = 'public' | 'control';

export interface RouteSpec {
  readonly path: string;
  /** Null: all methods. */
  readonly methods: readonly Method[] | null;
  readonly auth: RouteAuth;
}

/** Limits with every default filled in. */
export interface FunctionLimits {
  readonly timeMs: number;
  readonly memoryBytes: number;
  readonly concurrency: number;
  readonly instances: number;
  readonly bodyBytes: number;
  readonly responseBytes: number;
}

export interface FunctionSpec {
  readonly name: string;
  readonly entry: string;
  readonly routes: readonly RouteSpec[];
  readonly vars: Readonly<Record<string, string>>;
  readonly grants: Grants;
  readonly limits: FunctionLimits;
}

/** What the rest of Cordon works with: the manifest with all defaults resolved. Plain data, safe as JSON. */
export interface Manifest {
  readonly name: string;
  /** Empty: every host that no app names. */
  readonly hosts: readonly string[];
  readonly functions: readonly FunctionSpec[];
}
