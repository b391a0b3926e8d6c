import { createScanner, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { LIMITS } from '../contract/index.ts';
import type { ManifestProblem } from './problem.ts';

// `SyntaxKind` of jsonc-parser: its const enum has no value where types are only stripped.
const OPEN_BRACE = 1;
const CLOSE_BRACE = 2;
const OPEN_BRACKET = 3;
const CLOSE_BRACKET = 4;
const END_OF_FILE = 17;

const DEPTH_MAX = 20;
const SYNTAX_PROBLEMS_MAX = 20;

/** Keys that change what an object is rather than what it holds. */
const KEYS_REFUSED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const SYNTAX_EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a JSON value; text stands in double quotes',
  InvalidNumberFormat: 'a number',
  PropertyNameExpected: 'a key in double quotes',
  ValueExpected: 'a value',
  ColonExpected: '`:` after the key',
  CommaExpected: '`,` between items',
  CloseBraceExpected: '`}`',
  CloseBracketExpected: '`]`',
  EndOfFileExpected: 'the end of the file',
  InvalidCommentToken: 'a complete comment',
  UnexpectedEndOfComment: '`*/`',
  UnexpectedEndOfString: '`"` at the end of the text',
  UnexpectedEndOfNumber: 'a complete number',
  InvalidUnicode: 'four hexadecimal digits after `\\u`',
  InvalidEscapeCharacter: 'a valid escape after `\\`',
  InvalidCharacter: 'text without control characters',
};

/** A key or index on the way from the root of a document. */
export type Path = readonly (string | number)[];

/** A parsed document: its value, and the place of everything in it. */
export interface Document {
  readonly value: unknown;
  readonly problems: readonly ManifestProblem[];
  /** A problem at the key or value that `path` leads to, or at the nearest thing around it that exists. */
  problem(path: Path, expected: string, got: string, suggestion: string | null): ManifestProblem;
  /** The value at `path`, described for a person. */
  describe(path: Path): string;
}

/**
 * Parses JSON with comments and trailing commas. Duplicate keys, keys such as `__proto__`, documents
 * above `manifestBytesMax` and nesting deeper than 20 are problems; none of them is ever in `value`.
 */
export function parseDocument(text: string, file: string): Document {
  const positions = new Positions(text);
  const at = (offset: number, rest: Omit<ManifestProblem, 'file' | 'line' | 'column'>): ManifestProblem => ({
    file,
    ...positions.at(offset),
    ...rest,
  });
  const refused = tooLargeOrDeep(text);
  const errors: ParseError[] = [];
  // The parser recurses, so that the depth has to be known before it runs.
  const root = refused === null ? parseTree(text, errors, { allowTrailingComma: true }) : undefined;
  const problems: ManifestProblem[] = errors.slice(0, SYNTAX_PROBLEMS_MAX).map((error) =>
    at(error.offset, {
      code: 'CORDON_MANIFEST_SYNTAX',
      path: '',
      expected: SYNTAX_EXPECTED[printParseErrorCode(error.error)] ?? 'valid JSON',
      got: quoteSource(text, error.offset, error.length),
      suggestion: null,
    }),
  );
  if (refused !== null) {
    problems.push(
      at(refused.offset, { code: 'CORDON_MANIFEST_SYNTAX', path: '', suggestion: null, ...refused.words }),
    );
  }
  const invalid = (offset: number, path: Path, expected: string, got: string, suggestion: string | null) =>
    at(offset, { code: 'CORDON_MANIFEST_INVALID', path: printPath(path), expected, got, suggestion });
  const value =
    root === undefined
      ? undefined
      : toValue(root, [], (node, path, expected, got) => {
          problems.push(invalid(node.offset, path, expected, got, null));
        });
  return {
    value,
    problems,
    problem: (path, expected, got, suggestion) =>
      invalid(locate(root, path)?.offset ?? 0, path, expected, got, suggestion),
    describe: (path) => describeNode(valueAt(root, path)),
  };
}

type Refuse = (node: Node, path: Path, expected: string, got: string) => void;

function toValue(node: Node, path: Path, refuse: Refuse): unknown {
  if (node.type === 'array') {
    return (node.children ?? []).map((child, index) => toValue(child, [...path, index], refuse));
  }
  if (node.type !== 'object') return node.value as unknown;
  const result: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const property of node.children ?? []) {
    const [keyNode, valueNode] = property.children ?? [];
    if (keyNode === undefined || valueNode === undefined) continue;
    const key = String(keyNode.value);
    const place = [...path, key];
    if (KEYS_REFUSED.has(key)) refuse(keyNode, place, 'another key', `\`${key}\`, which is never a key here`);
    else if (seen.has(key)) refuse(keyNode, place, 'each key once', `\`${key}\` a second time`);
    else result[key] = toValue(valueNode, place, refuse);
    seen.add(key);
  }
  return result;
}

interface Refused {
  readonly offset: number;
  readonly words: { readonly expected: string; readonly got: string };
}

function tooLargeOrDeep(text: string): Refused | null {
  const bytes = Buffer.byteLength(text);
  const bytesMax = LIMITS.manifestBytesMax.value;
  if (bytes > bytesMax) {
    return { offset: 0, words: { expected: `at most ${bytesMax} bytes`, got: `${bytes} bytes` } };
  }
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token: number = scanner.scan(); token !== END_OF_FILE; token = scanner.scan()) {
    if (token === OPEN_BRACE || token === OPEN_BRACKET) depth++;
    if (token === CLOSE_BRACE || token === CLOSE_BRACKET) depth--;
    if (depth > DEPTH_MAX) {
      return {
        offset: scanner.getTokenOffset(),
        words: { expected: `at most ${DEPTH_MAX} levels of nesting`, got: 'more' },
      };
    }
  }
  return null;
}

/** The key of the last step where it exists, else the nearest thing around it. */
function locate(root: Node | undefined, path: Path): Node | undefined {
  let node = root;
  let place = root;
  for (const step of path) {
    const child: Node | undefined = childAt(node, step);
    if (child === undefined) break;
    node = child;
    place = typeof step === 'string' ? (child.parent?.children?.[0] ?? child) : child;
  }
  return place;
}

function valueAt(root: Node | undefined, path: Path): Node | undefined {
  let node = root;
  for (const step of path) node = childAt(node, step);
  return node;
}

function childAt(node: Node | undefined, step: string | number): Node | undefined {
  if (typeof step === 'number') return node?.type === 'array' ? node.children?.[step] : undefined;
  const property =
    node?.type === 'object' ? node.children?.find((child) => child.children?.[0]?.value === step) : undefined;
  return property?.children?.[1];
}

const SHOWN_CHARACTERS_MAX = 60;

function describeNode(node: Node | undefined): string {
  if (node === undefined) return 'nothing';
  if (node.type === 'object') return 'an object';
  if (node.type === 'array') return node.children?.length === 0 ? 'an empty list' : 'a list';
  const shown = JSON.stringify(node.value) ?? 'nothing';
  return shown.length > SHOWN_CHARACTERS_MAX ? `${shown.slice(0, SHOWN_CHARACTERS_MAX)}…` : shown;
}

function quoteSource(text: string, offset: number, length: number): string {
  const source = text.slice(offset, offset + Math.min(Math.max(length, 1), SHOWN_CHARACTERS_MAX)).trim();
  return source === '' ? 'the end' : `\`${source.replace(/\p{Cc}/gu, ' ')}\``;
}

/** `functions.hello.routes[0]` */
export function printPath(path: Path): string {
  let printed = '';
  for (const step of path) {
    if (typeof step === 'number') printed += `[${step}]`;
    else if (/^[\w$-]{1,64}$/.test(step)) printed += printed === '' ? step : `.${step}`;
    else printed += `[${JSON.stringify(step.slice(0, SHOWN_CHARACTERS_MAX))}]`;
  }
  return printed;
}

class Positions {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (const match of text.matchAll(/\r\n|\n|\r/g)) this.#starts.push(match.index + match[0].length);
  }

  at(offset: number): { line: number; column: number } {
    let line = 0;
    while (line + 1 < this.#starts.length && (this.#starts[line + 1] ?? 0) <= offset) line++;
    return { line: line + 1, column: offset - (this.#starts[line] ?? 0) + 1 };
  }
}
