import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import type { Document, Path } from './document.ts';
import { SOURCE_KINDS } from './on.ts';
import type { ManifestProblem } from './problem.ts';
import { checkDestinations } from './check-grants.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSources } from './check-sources.ts';
import { manifestSchema, type ParsedManifest } from './schema.ts';
import { nearest } from './suggest.ts';

const NAME_WORDS = 'lower-case letters, digits and hyphens, starting with a letter, at most 63 characters';

/** What a text with a pattern has to look like, by the last key of its path. */
const PATTERN_WORDS: Readonly<Record<string, string>> = {
  name: `a name of ${NAME_WORDS}`,
  hosts: 'a host name such as "api.example.com", in lower case and without a port',
  entry: 'a path below this folder that ends in .ts, .tsx, .mts, .js, .jsx or .mjs',
  path: 'a path such as "/orders/:id" or "/files/*"',
  functions: `a function name of ${NAME_WORDS}`,
  vars: 'a name such as "GREETING" of capital letters, digits and underscores',
};

/** The schema of cordon.jsonc as JSON Schema (draft 2020-12), for editors. */
export function manifestJsonSchema(): Record<string, unknown> {
  return { title: 'cordon.jsonc', ...z.toJSONSchema(manifestSchema, { io: 'input' }) };
}

export type Checked =
  | { readonly ok: true; readonly manifest: ParsedManifest }
  | { readonly ok: false; readonly problems: readonly ManifestProblem[] };

/** Checks a document against the schema, then against the rules that a schema cannot say. */
export function checkDocument(document: Document): Checked {
  const result = manifestSchema.safeParse(document.value);
  if (!result.success)
    return { ok: false, problems: result.error.issues.flatMap((issue) => describe(document, issue)) };
  const problems = checkRules(document, result.data);
  return problems.length === 0 ? { ok: true, manifest: result.data } : { ok: false, problems };
}

function describe(document: Document, issue: z.core.$ZodIssue): ManifestProblem[] {
  const path = issue.path.map(stepOf);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(document, path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const suggestion = near === null ? null : `"${near}"`;
      return document.problem(
        [...path, key],
        `one of the keys ${known.join(', ')}`,
        `unknown key "${key}"`,
        suggestion,
      );
    });
  }
  const got = document.describe(path);
  const last = path.at(-1);
  const closer = closestBranch(document, issue, got);
  if (closer !== null) {
    return closer.flatMap((inner) => describe(document, { ...inner, path: [...issue.path, ...inner.path] }));
  }
  if (last === 'auth' && got === 'nothing') {
    return [
      document.problem(
        path,
        '`auth` to say who may call this route: write "public" aloud if anyone may, "control" for holders of a control token, or name an authenticator as in { "jwt": "customers" }',
        'nothing',
        null,
      ),
    ];
  }
  return [
    document.problem(
      path,
      expectation(issue, path),
      keyOr(issue, last, got),
      suggestValue(document, issue, path),
    ),
  ];
}

/**
 * The problems of the one form of a value that its writer must have meant, as told from whether it is a text,
 * a list or an object. Null where the problem is not a choice of forms, or none is closer than the others.
 */
function closestBranch(
  document: Document,
  issue: z.core.$ZodIssue,
  got: string,
): readonly z.core.$ZodIssue[] | null {
  if (issue.code !== 'invalid_union' || got === 'nothing') return null;
  const meant = issue.errors.filter(
    (branch) => !branch.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  if (meant.length === 1) return meant[0] ?? null;
  // Of several objects it is the one whose keys are there: fewest that are missing or unknown.
  const ranked = meant
    .map((branch) => ({ branch, strays: strayKeys(document, issue.path.map(stepOf), branch) }))
    .toSorted((a, b) => a.strays - b.strays);
  const [first, second] = ranked;
  return first === undefined || first.strays === second?.strays ? null : first.branch;
}

function strayKeys(document: Document, path: Path, branch: readonly z.core.$ZodIssue[]): number {
  let count = 0;
  for (const inner of branch) {
    if (inner.code === 'unrecognized_keys') count += inner.keys.length;
    else if (document.describe([...path, ...inner.path.map(stepOf)]) === 'nothing') count++;
  }
  return count;
}

function stepOf(step: PropertyKey): string | number {
  return typeof step === 'number' ? step : String(step);
}

function keyOr(issue: z.core.$ZodIssue, last: string | number | undefined, got: string): string {
  return issue.code === 'invalid_key' ? `the key ${JSON.stringify(last)}` : got;
}

function expectation(issue: z.core.$ZodIssue, path: Path): string {
  const name = path.findLast((step) => typeof step === 'string') ?? '';
  switch (issue.code) {
    case 'invalid_key': {
      const parent = path.at(-2);
      return PATTERN_WORDS[String(parent)] ?? 'a valid key';
    }
    case 'invalid_format':
      return issue.message.startsWith('expected ')
        ? issue.message.slice(9)
        : (PATTERN_WORDS[name] ?? 'another form');
    case 'invalid_value':
      return `one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'too_small':
      return `at least ${bound(issue.minimum, issue.origin)}`;
    case 'too_big':
      return `at most ${bound(issue.maximum, issue.origin)}`;
    case 'invalid_union':
      if (path.at(-2) === 'on') return `exactly one of ${SOURCE_KINDS.join(', ')}, and keys that go with it`;
      return issue.message;
    default:
      return issue.message.replace(/^expected /, '');
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text in double quotes',
  array: 'a list in `[` `]`',
  object: 'an object in `{` `}`',
  record: 'an object in `{` `}`',
  int: 'a whole number',
  number: 'a number',
};

function bound(value: number | bigint, origin: string): string {
  if (origin === 'array') return value === 1 ? '1 item' : `${value} items`;
  return origin === 'string' ? `${value} characters` : `${value}`;
}

function suggestValue(document: Document, issue: z.core.$ZodIssue, path: Path): string | null {
  if (issue.code !== 'invalid_value') return null;
  const got = document.describe(path);
  if (!got.startsWith('"')) return null;
  const near = nearest(
    got.slice(1, -1),
    issue.values.filter((value) => typeof value === 'string'),
  );
  return near === null ? null : `"${near}"`;
}

interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

function knownKeys(document: Document, path: Path): string[] {
  let node: SchemaNode | undefined = manifestJsonSchema();
  for (const step of path) {
    node = node?.anyOf?.find(({ type }) => type === (typeof step === 'number' ? 'array' : 'object')) ?? node;
    const additional: SchemaNode | boolean | undefined = node?.additionalProperties;
    if (typeof step === 'number') node = node?.items;
    else node = node?.properties?.[step] ?? (typeof additional === 'object' ? additional : undefined);
  }
  const forms = node?.anyOf?.filter(({ type }) => type === 'object') ?? [];
  const isThere = (key: string) => document.describe([...path, key]) !== 'nothing';
  node = forms.find(({ required }) => required?.every(isThere)) ?? forms[0] ?? node;
  return Object.keys(node?.properties ?? {}).filter((key) => key !== '$schema');
}

function checkRules(document: Document, manifest: ParsedManifest): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const names = Object.keys(manifest.functions);
  const countMax = LIMITS.functionsPerAppMax.value;
  if (names.length === 0)
    problems.push(document.problem(['functions'], 'at least one function', 'none', null));
  if (names.length > countMax) {
    problems.push(document.problem(['functions'], `at most ${countMax} functions`, `${names.length}`, null));
  }
  for (const [name, fn] of Object.entries(manifest.functions)) {
    problems.push(...checkEnvironment(document, name, fn, names));
  }
  problems.push(...checkDestinations(document, manifest));
  problems.push(...checkRoutes(document, manifest));
  problems.push(...checkSources(document, manifest));
  for (const [index, host] of (manifest.hosts ?? []).entries()) {
    if (manifest.hosts?.indexOf(host) !== index) {
      problems.push(document.problem(['hosts', index], 'each host once', `"${host}" twice`, null));
    }
  }
  return problems;
}

type ParsedFunction = ParsedManifest['functions'][string];

/** Each name in `env` stands for one thing, and functions that may be called exist. */
function checkEnvironment(
  document: Document,
  name: string,
  { vars, grants }: ParsedFunction,
  functions: readonly string[],
): ManifestProblem[] {
  const problems: ManifestProblem[] = [];
  const taken = new Set(Object.keys(vars ?? {}));
  const kinds = ['kv', 'bucket', 'queue', 'service', 'pipe', 'secret'] as const;
  for (const kind of kinds) {
    for (const binding of Object.keys(grants?.[kind] ?? {})) {
      const path: Path = ['functions', name, 'grants', kind, binding];
      if (taken.has(binding))
        problems.push(document.problem(path, 'each name in `env` once', `"${binding}" twice`, null));
      taken.add(binding);
    }
  }
  for (const [binding, { function: target }] of Object.entries(grants?.service ?? {})) {
    if (functions.includes(target)) continue;
    const path: Path = ['functions', name, 'grants', 'service', binding, 'function'];
    const near = nearest(target, functions);
    const suggestion = near === null ? null : `"${near}"`;
    problems.push(document.problem(path, 'a function of this app', `"${target}"`, suggestion));
  }
  return problems;
}
