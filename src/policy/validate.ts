import { LIMITS } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { cedar, type CedarEngine } from './cedar.ts';
import { guardedRoutes, methodsOf, type GuardedRoute } from './guarded-route.ts';
import { hasAdjacentPlaceholders } from './placeholders.ts';
import { readPolicyFile, validatePolicyFile, type PolicyFile } from './policy-file.ts';
import { manifestProblem, policyError, type PolicyProblem } from './problem.ts';
import { usableSchema } from './schema.ts';

type Files = ReadonlyMap<string, PolicyFile>;

/**
 * Validates the policies of an app strictly: each file against the actions of the routes that use it, and no
 * others. It takes time with the policies times the actions; `checkPolicies` does it elsewhere and ends it.
 * Returns warnings. Errors: CORDON_POLICY_INVALID.
 */
export function validatePolicies(manifest: Manifest): readonly string[] {
  const routes = guardedRoutes(manifest);
  if (routes.length === 0) return [];
  const engine = cedar();
  checkRoutes(engine, routes);
  const files = readAll(engine, manifest, routes);
  const problems = [...files.values()].flatMap((file) =>
    validateOne(
      engine,
      file,
      manifest.files[file.name] ?? '',
      routes.filter(({ allow }) => allow.policies === file.name),
    ),
  );
  if (problems.length > 0) throw policyError(problems, manifest.files);
  return [...files.values()].flatMap(({ warnings }) => warnings);
}

/** Reads the policy files of an app, which need not be valid. Errors: CORDON_POLICY_INVALID. */
export function readPolicies(engine: CedarEngine, manifest: Manifest): Files {
  const files = readAll(engine, manifest, guardedRoutes(manifest));
  const problems = [...files.values()].flatMap((file) => file.problems);
  if (problems.length > 0) throw policyError(problems, manifest.files);
  return files;
}

function readAll(engine: CedarEngine, { files }: Manifest, routes: readonly GuardedRoute[]): Files {
  const actions = routes.reduce((sum, { route }) => sum + methodsOf(route).length, 0);
  const actionsMax = LIMITS.policyActionsMax.value;
  if (actions > actionsMax) {
    const message = `${actions} methods of routes have policies, of which at most ${actionsMax} are allowed in an app`;
    throw policyError([manifestProblem(message, 'name the methods of routes, or split the app')]);
  }
  const names = new Set(routes.map(({ allow }) => allow.policies));
  const texts = [...names].map(
    (name) => [name, Object.hasOwn(files, name) ? files[name] : undefined] as const,
  );
  const bytesMax = LIMITS.policyAppBytesMax.value;
  const bytes = texts.reduce((sum, [, text]) => sum + Buffer.byteLength(text ?? ''), 0);
  if (bytes > bytesMax) {
    const message = `the policies of the app have ${bytes} bytes, of which at most ${bytesMax} are allowed`;
    throw policyError([manifestProblem(message, 'write fewer policies, with sets and attributes')]);
  }
  return new Map(texts.map(([name, text]) => [name, readOne(engine, name, text)]));
}

function readOne(engine: CedarEngine, name: string, text: string | undefined): PolicyFile {
  if (text === undefined) return refusedFile(name, 'the file was not deployed');
  try {
    return readPolicyFile(engine, name, text);
  } catch (thrown) {
    return refusedFile(name, unreadable(thrown));
  }
}

function validateOne(
  engine: CedarEngine,
  file: PolicyFile,
  text: string,
  routes: readonly GuardedRoute[],
): readonly PolicyProblem[] {
  if (file.problems.length > 0) return file.problems;
  try {
    return validatePolicyFile(engine, file, text, routes);
  } catch (thrown) {
    return refusedFile(file.name, unreadable(thrown)).problems;
  }
}

/** What the engine cannot take, for whatever reason, is a problem of the file. */
function unreadable(thrown: unknown): string {
  return `it cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
}

function refusedFile(name: string, message: string): PolicyFile {
  const problem = { file: name, line: null, column: null, policy: null, message, help: null };
  return { name, policies: [], problems: [problem], warnings: [] };
}

/** What no policy can make good: names that clash, and ids of which two could be the same. */
function checkRoutes(engine: CedarEngine, routes: readonly GuardedRoute[]): void {
  usableSchema(engine, routes);
  const problems = routes.flatMap(({ route, allow }) =>
    [allow.resource?.id ?? '', allow.resource?.from?.key ?? '']
      .filter(hasAdjacentPlaceholders)
      .map((template) =>
        manifestProblem(
          `the route ${route.path} has nothing between two parameters in \`${template}\``,
          'put a slash between them, so that two requests never make the same text',
        ),
      ),
  );
  if (problems.length > 0) throw policyError(problems);
}
