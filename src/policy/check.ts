import { join } from 'node:path';
import { runApart } from '../apart/index.ts';
import { CordonError, LIMITS, type ErrorDetails } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { guardedRoutes } from './guarded-route.ts';
import { manifestProblem, policyError } from './problem.ts';

const MEMORY_MIB_MAX = 512;
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;

/** What the process that checks has found. */
export type CheckAnswer =
  | { readonly ok: true; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly details: ErrorDetails };

/**
 * Validates the policies of an app strictly, before it is served, in a process of its own: how long that
 * takes, and what it does to the engine, is in the hands of who wrote them. Returns warnings.
 * Errors: CORDON_POLICY_INVALID with all problems in `details.problems` (`PolicyProblem[]`).
 */
export async function checkPolicies(
  manifest: Manifest,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly string[]> {
  if (guardedRoutes(manifest).length === 0) return [];
  const timeoutMs = options.timeoutMs ?? LIMITS.policyCheckTimeoutMs.value;
  const answer = await ask(JSON.stringify(manifest), timeoutMs);
  if (answer === null) {
    const message = `the policies could not be validated within ${timeoutMs} ms and ${MEMORY_MIB_MAX} MiB`;
    throw policyError([manifestProblem(message, 'write fewer policies, or give routes files of their own')]);
  }
  if (answer.ok) return answer.warnings;
  throw new CordonError('CORDON_POLICY_INVALID', answer.message, { details: answer.details });
}

/** Null where the process came to no answer. */
async function ask(input: string, timeoutMs: number): Promise<CheckAnswer | null> {
  const ended = await runApart({
    program: join(import.meta.dirname, 'check-process.ts'),
    input,
    timeoutMs,
    memoryMiB: MEMORY_MIB_MAX,
    outputBytesMax: OUTPUT_BYTES_MAX,
  });
  return ended.ok ? (JSON.parse(ended.output) as CheckAnswer) : null;
}
