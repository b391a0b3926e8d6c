import { CordonError, type ErrorCode } from '../contract/index.ts';
import {
  isOpenPattern,
  parseUrlPattern,
  placeInManifest,
  type FetchGrant,
  type FunctionSpec,
  type Manifest,
} from '../manifest/index.ts';
import type { UnusedGrant } from '../permissions/index.ts';
import type { AnalysisBundle } from './bundler.ts';
import { sha256 } from './identity.ts';
import type { GrantGateOptions } from './port.ts';

/** One thing that is wrong with a grant, at its place in cordon.jsonc. */
export interface GrantProblem {
  readonly code: Extract<
    ErrorCode,
    'CORDON_GRANT_UNUSED' | 'CORDON_GRANT_WILDCARD' | 'CORDON_SECRET_MISSING'
  >;
  readonly function: string;
  /** Such as `functions.orders.grants.kv.ORDERS`. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

type Path = readonly (string | number)[];
type Problem = Pick<GrantProblem, 'code' | 'function' | 'message'> & { readonly path: Path };

const REFERENCE = /\{secret:([A-Z][A-Z0-9_]{0,63})\}/g;
const REVIEWS_KEPT_MAX = 500;
/** Each takes a process for a part of a second. */
const REVIEWS_AT_ONCE = 2;

export interface GateInput {
  readonly manifest: Manifest;
  /** Of cordon.jsonc. */
  readonly text: string;
  /** Bundles by entry, for every function that is granted something; null where the code was judged before. */
  readonly bundle: (() => Promise<ReadonlyMap<string, AnalysisBundle>>) | null;
}

/** Refuses deployments whose grants are more than the code uses, or are about what does not exist. */
export class GrantGate {
  readonly #options: GrantGateOptions;
  /** Reviews by all that they depend on, the least recently used first. */
  readonly #reviews = new Map<string, readonly UnusedGrant[]>();

  constructor(options: GrantGateOptions) {
    this.#options = options;
  }

  /** Errors: CORDON_GRANT_UNUSED, …_WILDCARD, CORDON_SECRET_MISSING; all in `details.problems`. */
  async check({ manifest, text, bundle }: GateInput): Promise<void> {
    const problems = manifest.functions.flatMap(wildcards);
    problems.push(...(await this.#missingSecrets(manifest)));
    if (bundle !== null) problems.push(...(await this.#unused(manifest, await bundle())));
    refuse(problems, text);
  }

  async #missingSecrets(manifest: Manifest): Promise<Problem[]> {
    const named = manifest.functions.flatMap(secretsOf);
    if (named.length === 0) return [];
    const missing = new Set(await this.#options.missingSecrets(named.map(({ secret }) => secret)));
    return named
      .filter(({ secret }) => missing.has(secret))
      .map(({ secret, path, spec }) => ({
        code: 'CORDON_SECRET_MISSING',
        function: spec.name,
        path,
        message: `${spec.name} is granted the secret ${secret}, which is not set on the server. Set it with \`cordon secret set ${secret}\``,
      }));
  }

  async #unused(manifest: Manifest, bundles: ReadonlyMap<string, AnalysisBundle>): Promise<Problem[]> {
    const specs = manifest.functions.filter(isGranted);
    const problems: Problem[] = [];
    for (let start = 0; start < specs.length; start += REVIEWS_AT_ONCE) {
      const found = specs.slice(start, start + REVIEWS_AT_ONCE).map(async (spec) => {
        const bundle = bundles.get(spec.entry);
        if (bundle === undefined) throw new CordonError('CORDON_INTERNAL', `${spec.entry} was not bundled.`);
        return unusedProblems(spec, await this.#review(spec, bundle));
      });
      problems.push(...(await Promise.all(found)).flat());
    }
    return problems;
  }

  /** What the code cannot have a use for: none is seen, and nothing that cannot be seen could be one. */
  async #review(spec: FunctionSpec, { code, sourceMap }: AnalysisBundle): Promise<readonly UnusedGrant[]> {
    const { grants, vars } = spec;
    const key = sha256(Buffer.from(JSON.stringify([code, grants, vars])));
    const known = this.#reviews.get(key);
    const unused = known ?? (await this.#analyse(code, { sourceMap, grants, vars }));
    this.#reviews.delete(key);
    this.#reviews.set(key, unused);
    if (this.#reviews.size > REVIEWS_KEPT_MAX) {
      const [oldest = ''] = this.#reviews.keys();
      this.#reviews.delete(oldest);
    }
    return unused;
  }

  async #analyse(
    code: string,
    options: Pick<AnalysisBundle, 'sourceMap'> & Pick<FunctionSpec, 'grants' | 'vars'>,
  ): Promise<readonly UnusedGrant[]> {
    const findings = await this.#options.analyse(code, options);
    // Loaded when it is needed: it brings a parser, and most servers start without a deploy.
    const { compare } = await import('../permissions/index.ts');
    return compare(findings, [], options.grants).unused.filter(({ certain }) => certain);
  }
}

/** True when the function may do anything besides computing. */
export function isGranted({ grants }: FunctionSpec): boolean {
  return Object.values(grants).some((kind: object) => Object.keys(kind).length > 0);
}

function wildcards(spec: FunctionSpec): Problem[] {
  return spec.grants.fetch.flatMap((grant, index) => {
    const wide = hostOfAll(grant);
    if (wide === null) return [];
    const message = `${spec.name} is granted requests to every host below ${wide} by ${JSON.stringify(grant.to)}. Name the hosts, or say in \`because\` why that cannot be done`;
    const path = pathOf(spec, ['fetch', index, 'to']);
    return [{ code: 'CORDON_GRANT_WILDCARD' as const, function: spec.name, path, message }];
  });
}

/** The host below which a grant without a reason leaves all open; null for one that says who is meant. */
function hostOfAll({ to, because }: FetchGrant): string | null {
  const pattern = parseUrlPattern(to);
  if (pattern === null || because !== undefined) return null;
  return isOpenPattern(pattern) ? pattern.host : null;
}

interface NamedSecret {
  readonly spec: FunctionSpec;
  readonly secret: string;
  readonly path: Path;
}

/** The secrets that the grants of a function name, once each, at the first place. */
function secretsOf(spec: FunctionSpec): NamedSecret[] {
  const found = new Map<string, NamedSecret>();
  const add = (secret: string, path: Path): void => {
    if (!found.has(secret)) found.set(secret, { spec, secret, path: pathOf(spec, path) });
  };
  for (const [binding, { secret }] of Object.entries(spec.grants.secret))
    add(secret, ['secret', binding, 'secret']);
  for (const [index, grant] of spec.grants.fetch.entries()) {
    const { header, query, basic, sign } = grant;
    for (const [key, value] of Object.entries({ header, query, basic, sign })) {
      const templates = JSON.stringify(value ?? null);
      for (const [, secret = ''] of templates.matchAll(REFERENCE)) add(secret, ['fetch', index, key]);
    }
    if (sign !== undefined && 'hmac' in sign)
      add(sign.hmac.secret, ['fetch', index, 'sign', 'hmac', 'secret']);
  }
  return [...found.values()];
}

/** One problem for a grant of which nothing is used, else one for each operation. */
function unusedProblems(spec: FunctionSpec, unused: readonly UnusedGrant[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const { capability, binding, resource, operation, path, because } of unused) {
    if (because !== null) continue;
    const list = operationsOf(spec, path);
    const same = unused.filter((other) => other.path.join() === path.join());
    const isAll = list === null || same.length >= list.names.length;
    const subject =
      binding === null ? `${capability} to ${JSON.stringify(resource)}` : `${capability} ${binding}`;
    const what = capability === 'pipe' ? resource : operation;
    const place = isAll ? path : [...path, list.key, list.names.indexOf(what)];
    problems.set(place.join(), {
      code: 'CORDON_GRANT_UNUSED',
      function: spec.name,
      path: pathOf(spec, place),
      message: `${spec.name} is granted ${isAll ? '' : `\`${what}\` on `}${subject}, and its code does not use it. Remove it, or say in \`because\` why it is needed`,
    });
  }
  return [...problems.values()];
}

/** The list of operations in a grant; null where it has none. */
function operationsOf(
  { grants }: FunctionSpec,
  [kind, name]: Path,
): { readonly key: string; readonly names: readonly string[] } | null {
  if (kind === 'kv' || kind === 'bucket' || kind === 'queue')
    return { key: 'can', names: grants[kind][String(name)]?.can ?? [] };
  if (kind === 'pipe') return { key: 'types', names: grants.pipe[String(name)]?.types ?? [] };
  const methods = kind === 'fetch' ? grants.fetch[Number(name)]?.methods : undefined;
  return methods === undefined ? null : { key: 'methods', names: methods };
}

function pathOf(spec: FunctionSpec, path: Path): Path {
  return ['functions', spec.name, 'grants', ...path];
}

/** One error for all problems; the code is that of the first in the file. */
function refuse(problems: readonly Problem[], text: string): void {
  const placed = problems
    .map((problem): GrantProblem => {
      const { line, column } = placeInManifest(text, problem.path);
      return { ...problem, path: problem.path.join('.'), line, column };
    })
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
  const [first] = placed;
  if (first === undefined) return;
  const lines = placed.map(({ line, column, message }) => `cordon.jsonc:${line}:${column}: ${message}.`);
  throw new CordonError(first.code, lines.join('\n'), {
    details: { file: 'cordon.jsonc', line: first.line, column: first.column, problems: placed },
  });
}
