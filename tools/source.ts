/** What the checks know of a source file: its imports, its lines of code, and the length of its functions. */
import { readFileSync } from 'node:fs';
import { type Comment, parseSync, Visitor } from 'oxc-parser';

export interface Import {
  readonly specifier: string;
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean;
  /** True for `import()`, which waits until it is called. */
  readonly dynamic: boolean;
  readonly line: number;
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  /** Lines with code, from the first to the last of the function. */
  readonly lines: number;
}

export interface Source {
  readonly imports: readonly Import[];
  /** Lines with code: neither blank nor only a comment. */
  readonly lines: number;
  readonly functions: readonly FunctionSize[];
}

/** Reads and parses a TypeScript file. Throws where it does not parse. */
export function readSource(file: string): Source {
  const text = readFileSync(file, 'utf8');
  const parsed = parseSync(file, text);
  const [problem] = parsed.errors;
  if (problem) throw new Error(`${file}: ${problem.message}`);

  const lineOf = lineIndex(text);
  const codeLines = countCodeLines(text, parsed.comments);
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  // By place of the specifier: an `export` of something imported names the same place again.
  const imports = new Map<number, Import>();
  for (const { moduleRequest, entries, start } of staticImports) {
    const typeOnly = entries.length > 0 && entries.every(({ isType }) => isType);
    imports.set(moduleRequest.start, {
      specifier: moduleRequest.value,
      typeOnly,
      dynamic: false,
      line: lineOf(start),
    });
  }
  for (const { moduleRequest, isType, start } of staticExports.flatMap(({ entries }) => entries)) {
    if (!moduleRequest) continue;
    const seen = imports.get(moduleRequest.start);
    const typeOnly = isType && (seen?.typeOnly ?? true);
    const line = seen?.line ?? lineOf(start);
    imports.set(moduleRequest.start, { specifier: moduleRequest.value, typeOnly, dynamic: false, line });
  }
  for (const { moduleRequest, start } of dynamicImports) {
    const literal = /^(['"`])(.*)\1$/s.exec(text.slice(moduleRequest.start, moduleRequest.end));
    if (literal?.[2] === undefined) continue;
    imports.set(moduleRequest.start, {
      specifier: literal[2],
      typeOnly: false,
      dynamic: true,
      line: lineOf(start),
    });
  }

  const functions: FunctionSize[] = [];
  const measure = (node: { start: number; end: number; id?: { name: string } | null }): void => {
    const [first, last] = [lineOf(node.start), lineOf(node.end)];
    functions.push({ name: node.id?.name ?? 'a function', line: first, lines: codeLines(first, last) });
  };
  new Visitor({
    FunctionDeclaration: measure,
    FunctionExpression: measure,
    ArrowFunctionExpression: measure,
  }).visit(parsed.program);

  return { imports: [...imports.values()], lines: codeLines(1, lineOf(text.length)), functions };
}

/** Answers the line, from 1, of an offset. */
function lineIndex(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}

function countCodeLines(text: string, comments: readonly Comment[]): (first: number, last: number) => number {
  const pieces: string[] = [];
  let end = 0;
  for (const comment of comments) {
    pieces.push(
      text.slice(end, comment.start),
      text.slice(comment.start, comment.end).replaceAll(/[^\n]/g, ' '),
    );
    end = comment.end;
  }
  pieces.push(text.slice(end));
  const isCode = pieces
    .join('')
    .split('\n')
    .map((line) => line.trim() !== '');
  return (first, last) => isCode.slice(first - 1, last).filter(Boolean).length;
}
