import { isAbsolute, relative } from 'node:path';
import type { Message } from 'esbuild';
import { CordonError, type ErrorCode } from '../contract/index.ts';

/** One reason why code could not be bundled, with its place. */
export interface BuildProblem {
  readonly code: Extract<
    ErrorCode,
    'CORDON_ENTRY_MISSING' | 'CORDON_IMPORT_MISSING' | 'CORDON_BUNDLE_FAILED'
  >;
  /** Relative to the app folder; null where the problem has no place. */
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  /** From 1, in UTF-16 units. */
  readonly column: number | null;
  readonly message: string;
  /** The line with a caret below the column. */
  readonly frame: string | null;
  readonly suggestion: string | null;
}

export interface BuildPlaces {
  /** Folder of the archive, absolute, as esbuild sees it. */
  readonly root: string;
  /** App folder relative to `root`; empty for the root itself. */
  readonly app: string;
}

const LINE_CHARACTERS_MAX = 160;
const UNRESOLVED = /^Could not resolve "([^"]*)"/;

/** What esbuild throws, as far as it says what is wrong with the code. */
export function messagesOf(thrown: unknown): readonly Message[] | null {
  if (!(thrown instanceof Error) || !('errors' in thrown) || !Array.isArray(thrown.errors)) return null;
  return thrown.errors.length === 0 ? null : (thrown.errors as readonly Message[]);
}

export function needsModuleFormat(messages: readonly Message[]): boolean {
  return messages.every((message) => message.text.startsWith('Top-level await is currently not supported'));
}

/** Turns esbuild's messages into one error: CORDON_ENTRY_MISSING, CORDON_IMPORT_MISSING or CORDON_BUNDLE_FAILED, with `details.problems`. */
export function buildError(messages: readonly Message[], places: BuildPlaces): CordonError {
  return problemsError(messages.map((message) => toProblem(message, places)));
}

/** The error for an import that leads outside of what belongs to the app. */
export function outsideError(file: string): CordonError {
  return problemsError([
    {
      code: 'CORDON_BUNDLE_FAILED',
      file: null,
      line: null,
      column: null,
      message: `An import leads outside of the app folder, to ${plain(file)}`,
      frame: null,
      suggestion: 'Move the file below the folder of cordon.jsonc, or make it a package of the workspace.',
    },
  ]);
}

function problemsError(problems: readonly BuildProblem[]): CordonError {
  const codes = problems.map((problem) => problem.code);
  let code: BuildProblem['code'] = 'CORDON_BUNDLE_FAILED';
  if (codes.includes('CORDON_ENTRY_MISSING')) code = 'CORDON_ENTRY_MISSING';
  else if (codes.every((each) => each === 'CORDON_IMPORT_MISSING')) code = 'CORDON_IMPORT_MISSING';
  return new CordonError(code, problems.map(print).join('\n\n'), { details: { problems } });
}

function print(problem: BuildProblem): string {
  const place = problem.file === null ? '' : `${problem.file}:${problem.line}:${problem.column}: `;
  const frame = problem.frame === null ? '' : `\n${problem.frame}`;
  const suggestion = problem.suggestion === null ? '' : `\n${problem.suggestion}`;
  return `${place}${problem.message}.${frame}${suggestion}`;
}

function toProblem(message: Message, places: BuildPlaces): BuildProblem {
  const text = plain(message.text.replaceAll(`${places.root}/`, ''));
  const missing = UNRESOLVED.exec(text)?.[1];
  const location = message.location;
  if (location === null) {
    const entry = missing === undefined ? null : appPath(missing, places);
    return {
      code: entry === null ? 'CORDON_BUNDLE_FAILED' : 'CORDON_ENTRY_MISSING',
      file: null,
      line: null,
      column: null,
      message: entry === null ? text : `The entry module ${entry} does not exist`,
      frame: null,
      suggestion: null,
    };
  }
  const inside = isInside(location.file);
  const column = Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1;
  return {
    code: missing === undefined ? 'CORDON_BUNDLE_FAILED' : 'CORDON_IMPORT_MISSING',
    file: inside ? appPath(location.file, places) : '(outside of the app folder)',
    line: location.line,
    column,
    message: text,
    // A line of a file that is not the app's own must not be shown to its deployer.
    frame: inside ? frame(location.line, column, location.lineText) : null,
    suggestion: missing === undefined ? null : suggestImport(missing),
  };
}

function isInside(file: string): boolean {
  return !isAbsolute(file) && !file.split('/').includes('..');
}

function appPath(file: string, places: BuildPlaces): string {
  const fromRoot = file.replace(/^\.\//, '');
  return places.app === '' ? fromRoot : relative(places.app, fromRoot);
}

function frame(line: number, column: number, lineText: string): string {
  const from = Math.max(0, column - LINE_CHARACTERS_MAX + 20);
  const number = String(line);
  const shown = plain(lineText).slice(from, from + LINE_CHARACTERS_MAX);
  return `> ${number} | ${shown}\n  ${' '.repeat(number.length)} | ${' '.repeat(column - 1 - from)}^`;
}

function suggestImport(specifier: string): string | null {
  if (/^[./]/.test(specifier)) return null;
  if (/^(?:https?:)?\/\//.test(specifier)) return 'Install it as a package.';
  if (/^(?:cloudflare|bun|npm|jsr|deno):/.test(specifier))
    return 'Modules of other platforms do not exist here.';
  const name = /^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier)?.[0] ?? specifier;
  return `Run \`npm install ${name}\` in the app folder.`;
}

function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}

/** A file that the manifest names and that is not there. `name`: relative to the app folder. */
export function missingFile(name: string, cause: unknown): CordonError {
  return new CordonError('CORDON_MANIFEST_FILE', `cordon.jsonc names ${name}, which cannot be read.`, {
    details: { file: name },
    cause,
  });
}
