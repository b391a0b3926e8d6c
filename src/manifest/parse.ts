import { LIMITS } from '../contract/index.ts';
import { resolveAuth } from './auth.ts';
import { checkDocument } from './check.ts';
import { parseDocument } from './document.ts';
import { resolveGrants } from './grants.ts';
import { resolveSource } from './on.ts';
import { manifestError } from './problem.ts';
import { resolveRoute } from './route.ts';
import type { FunctionSpec, Manifest, ParsedManifest } from './schema.ts';

const PROBLEMS_MAX = 50;

/**
 * Parses the text of a cordon.jsonc and fills in every default. `file` is its name in messages.
 * Errors: CORDON_MANIFEST_SYNTAX or CORDON_MANIFEST_INVALID with all problems in `details.problems`
 * (`ManifestProblem[]`, in the order of the file) and a message with a code frame for each.
 */
export function parseManifest(text: string, options: { readonly file?: string } = {}): Manifest {
  const file = options.file ?? 'cordon.jsonc';
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const document = parseDocument(source, file);
  // After a syntax error the tree is a guess, and what a schema says about it would mislead.
  if (document.problems.some((problem) => problem.code === 'CORDON_MANIFEST_SYNTAX')) {
    throw manifestError(source, file, document.problems);
  }
  const checked = checkDocument(document);
  const problems = [...document.problems, ...(checked.ok ? [] : checked.problems)];
  if (!checked.ok || problems.length > 0) throw manifestError(source, file, problems.slice(0, PROBLEMS_MAX));
  return resolveDefaults(checked.manifest);
}

/** Where in the text of a manifest something is, or the nearest thing around it. Lines and columns from 1. */
export function placeInManifest(
  text: string,
  path: readonly (string | number)[],
): { readonly line: number; readonly column: number } {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const { line, column } = parseDocument(source, '').problem(path, '', '', null);
  return { line, column };
}

/** Functions are in the order of their names and hosts sorted, so that the order in the file changes no deployment id. */
function resolveDefaults(parsed: ParsedManifest): Manifest {
  return {
    name: parsed.name,
    hosts: (parsed.hosts ?? []).toSorted(),
    auth: resolveAuth(parsed.auth),
    functions: Object.entries(parsed.functions)
      .map(([name, fn]): FunctionSpec => ({
        name,
        entry: fn.entry,
        routes: (fn.routes ?? []).map(resolveRoute),
        sources: (fn.on ?? []).map(resolveSource),
        vars: { ...fn.vars },
        grants: resolveGrants(fn.grants),
        limits: {
          timeMs: fn.limits?.time ?? LIMITS.functionTimeMsDefault.value,
          memoryBytes: fn.limits?.memory ?? LIMITS.functionMemoryBytesDefault.value,
          concurrency: fn.limits?.concurrency ?? LIMITS.functionConcurrencyDefault.value,
          instances: fn.limits?.instances ?? LIMITS.functionInstancesDefault.value,
          bodyBytes: fn.limits?.body ?? LIMITS.requestBodyBytesDefault.value,
          responseBytes: fn.limits?.response ?? LIMITS.responseBytesDefault.value,
        },
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    files: {},
  };
}
