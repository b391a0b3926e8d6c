import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import { authSchema } from './auth.ts';
import type { AuthSpec } from './auth.ts';
import { grantsSchema } from './grants.ts';
import type { Grants } from './grants.ts';
import { routeSchema } from './route.ts';
import type { RouteSpec } from './route.ts';
import type { SourceSpec } from './sources.ts';
import { sourceSchema } from './on.ts';
import { byteSize, duration } from './units.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const ENTRY = /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\0\\]+\.(ts|tsx|mts|js|jsx|mjs)$/;
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
  routes: z.array(routeSchema).max(200).optional().describe('HTTP routes that run this function.'),
  on: z
    .array(sourceSchema)
    .max(LIMITS.sourcesPerFunctionMax.value)
    .optional()
    .describe('What runs this function besides requests: uploads, queues, clocks and pipes.'),
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
  auth: authSchema.optional().describe('Who can vouch for callers, by kind and name. Routes name them.'),
  functions: z.record(z.string().regex(NAME), functionSchema).describe('The functions of the app.'),
});

/** A manifest as a person wrote it, validated. */
export type ManifestInput = z.input<typeof manifestSchema>;
/** A validated manifest; durations in ms, sizes in bytes. */
export type ParsedManifest = z.output<typeof manifestSchema>;

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
  /** `on` of the manifest. */
  readonly sources: readonly SourceSpec[];
  readonly vars: Readonly<Record<string, string>>;
  readonly grants: Grants;
  readonly limits: FunctionLimits;
}

/** What the rest of Cordon works with: the manifest with all defaults resolved. Plain data, safe as JSON. */
export interface Manifest {
  readonly name: string;
  /** Empty: every host that no app names. */
  readonly hosts: readonly string[];
  readonly auth: AuthSpec;
  readonly functions: readonly FunctionSpec[];
  /** Texts of the files that the manifest names (policies, schemas, certificates), by path. `parseManifest` leaves it empty. */
  readonly files: Readonly<Record<string, string>>;
}
