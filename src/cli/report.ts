import { toCordonError, type CordonError } from '../contract/index.ts';
import { printable, type Terminal } from './terminal.ts';

/** Exit codes of every command. */
export const EXIT = { ok: 0, refused: 1, usage: 2, internal: 3 } as const;

/** Where in the source an error is, as far as its details say: `file:line:column`. */
function placeOf(error: CordonError): string | null {
  const { file, line, column } = error.details;
  if (typeof file !== 'string') return null;
  return [file, line, column]
    .filter((part) => typeof part === 'string' || typeof part === 'number')
    .join(':');
}

/** Says on stderr what went wrong, where and what to do next, and returns the exit code for it. */
export function reportError(
  terminal: Terminal,
  thrown: unknown,
  options: { readonly verbose: boolean },
): number {
  const error = toCordonError(thrown);
  const { stderr } = terminal.surroundings;
  const place = placeOf(error);
  const next = typeof error.details['next'] === 'string' ? error.details['next'] : error.next;
  if (terminal.json) {
    const { code, message, details } = error;
    stderr.write(`${JSON.stringify({ error: { code, message, next, details } })}\n`);
    return exitCodeOf(error);
  }
  const head = terminal.style(['bold', 'red'], `error ${error.code}:`, 'stderr');
  stderr.write(`${head} ${printable(error.message)}\n`);
  if (place !== null && !error.message.includes(place)) stderr.write(`  at ${printable(place)}\n`);
  for (const problem of problemsOf(error)) stderr.write(`  ${printable(problem)}\n`);
  const { stack, id } = error.details;
  if (typeof stack === 'string' && !error.message.includes(stack))
    stderr.write(`${printable(indent(stack))}\n`);
  stderr.write(`${terminal.style('bold', 'next:', 'stderr')} ${next}\n`);
  if (typeof id === 'string' && error.fault === 'internal') stderr.write(`id:   ${id}\n`);
  if (options.verbose) stderr.write(`${printable(traceOf(error))}\n`);
  return exitCodeOf(error);
}

function exitCodeOf(error: CordonError): number {
  if (error.code === 'CORDON_USAGE') return EXIT.usage;
  return error.fault === 'internal' ? EXIT.internal : EXIT.refused;
}

/** Fields that an operation refused, past the first, which the message names. */
function problemsOf(error: CordonError): string[] {
  const { issues } = error.details;
  if (!Array.isArray(issues)) return [];
  return issues.slice(1).map((issue: { field?: unknown; problem?: unknown }) => {
    return `${String(issue.field)}: ${String(issue.problem)}`;
  });
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

function traceOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${traceOf(error.cause)}` : own;
}
