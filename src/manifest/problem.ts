import { CordonError, type ErrorCode } from '../contract/index.ts';

/** One thing that is wrong with a manifest, with its place. */
export interface ManifestProblem {
  readonly code: Extract<ErrorCode, 'CORDON_MANIFEST_SYNTAX' | 'CORDON_MANIFEST_INVALID'>;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** Where in the document, such as `functions.hello.routes[0].auth`; empty for the whole. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  /** What was probably meant, null when nothing is near. */
  readonly suggestion: string | null;
}

const CODE_FRAME_CONTEXT_LINES = 1;
const CODE_FRAME_COLUMNS_MAX = 120;

/** Lines around a place, with the line marked and a caret below its column. Columns and lines count from 1. */
export function codeFrame(text: string, line: number, column: number): string {
  const lines = text.split(/\r\n|\n|\r/);
  const first = Math.max(1, line - CODE_FRAME_CONTEXT_LINES);
  const last = Math.min(lines.length, line + CODE_FRAME_CONTEXT_LINES);
  const width = String(last).length;
  const from = Math.max(0, column - CODE_FRAME_COLUMNS_MAX + 20);
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    // Control characters of the file must not reach a terminal.
    const shown = (lines[number - 1] ?? '')
      .replace(/\p{Cc}/gu, ' ')
      .slice(from, from + CODE_FRAME_COLUMNS_MAX);
    frame.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${shown}`.trimEnd());
    if (number === line) frame.push(`  ${' '.repeat(width)} | ${' '.repeat(column - 1 - from)}^`);
  }
  return frame.join('\n');
}

/** One error for all of the problems; the first in the file comes first. */
export function manifestError(text: string, file: string, problems: readonly ManifestProblem[]): CordonError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const syntax = sorted.some((problem) => problem.code === 'CORDON_MANIFEST_SYNTAX');
  const blocks = sorted.map(
    (problem) => `${sentence(problem)}\n${codeFrame(text, problem.line, problem.column)}`,
  );
  const count = sorted.length === 1 ? '1 problem' : `${sorted.length} problems`;
  const summary = syntax ? `${file} is not valid JSON with comments` : `${file} does not follow its schema`;
  return new CordonError(
    syntax ? 'CORDON_MANIFEST_SYNTAX' : 'CORDON_MANIFEST_INVALID',
    `${summary}: ${count}.\n\n${blocks.join('\n\n')}`,
    { details: { problems: sorted } },
  );
}

function sentence(problem: ManifestProblem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  const subject = problem.path === '' ? '' : ` ${problem.path}:`;
  const hint = problem.suggestion === null ? '' : ` Did you mean ${problem.suggestion}?`;
  return `${place}${subject} expected ${problem.expected}, got ${problem.got}.${hint}`;
}
