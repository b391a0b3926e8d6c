import {
  applyEdits,
  findNodeAtLocation,
  modify,
  parse,
  parseTree,
  type FormattingOptions,
  type Node,
  type ParseError,
} from 'jsonc-parser';
import { CordonError } from '../contract/index.ts';
import type { MissingGrant } from './compare.ts';
import type { Suggestion } from './suggestion.ts';

export interface WrittenGrants {
  /** The manifest with its comments and layout. */
  readonly text: string;
  /** What was added, as `kv ORDERS: put`. */
  readonly added: readonly string[];
  /** What a person has to decide about. */
  readonly left: readonly MissingGrant[];
}

type Path = (string | number)[];

/**
 * Adds grants for what is missing to one function of a manifest; comments and layout of the rest stay.
 * Errors: CORDON_MANIFEST_INVALID when the text is not a manifest with that function.
 */
export function writeGrants(
  manifestText: string,
  functionName: string,
  missing: readonly MissingGrant[],
): WrittenGrants {
  const root: Path = ['functions', functionName, 'grants'];
  if (!isRecord(valueAt(manifestText, ['functions', functionName])))
    throw new CordonError(
      'CORDON_MANIFEST_INVALID',
      `Cannot write grants of the function "${functionName}": the manifest has no such function.`,
    );
  const formattingOptions = layoutOf(manifestText);
  const added: string[] = [];
  const left: MissingGrant[] = [];
  let text = manifestText;
  for (const item of missing) {
    if (item.suggestion === null) {
      left.push(item);
      continue;
    }
    const change = changeFor(text, root, item.suggestion);
    if (change === null) continue;
    text = apply(text, change, formattingOptions);
    added.push(`${item.capability} ${item.binding ?? item.resource?.text ?? ''}: ${item.operation}`);
  }
  return { text, added, left };
}

function apply(text: string, { path, value, insert }: Change, formattingOptions: FormattingOptions): string {
  const list = insert ? findNodeAtLocation(parseTree(text) ?? NO_NODE, path.slice(0, -1)) : undefined;
  const isOnOneLine =
    list !== undefined && !text.slice(list.offset, list.offset + list.length).includes('\n');
  if (!isOnOneLine || typeof value !== 'string')
    return applyEdits(text, modify(text, path, value, { formattingOptions, isArrayInsertion: insert }));
  // Formatting would put every item of the list, and all that is around it, on a line of its own.
  const edits = modify(text, path, value, { isArrayInsertion: true });
  return applyEdits(
    text,
    edits.map((edit) => ({ ...edit, content: edit.content.replace(/^,(?=\S)/, ', ') })),
  );
}

const NO_NODE: Node = { type: 'null', offset: 0, length: 0 };

interface Change {
  readonly path: Path;
  readonly value: unknown;
  readonly insert: boolean;
}

/** The edit of a text that may hold earlier ones; null when nothing is left to do. */
function changeFor(text: string, root: Path, suggestion: Suggestion): Change | null {
  switch (suggestion.kind) {
    case 'binding': {
      const path = [...root, suggestion.capability, suggestion.binding];
      const present = valueAt(text, path);
      if (present === undefined) return { path, value: suggestion.value, insert: false };
      const key = suggestion.capability === 'pipe' ? 'types' : 'can';
      const operations = isRecord(suggestion.value) ? suggestion.value[key] : undefined;
      const operation: unknown = Array.isArray(operations) ? operations[0] : undefined;
      return typeof operation === 'string' ? append(text, [...path, key], operation) : null;
    }
    case 'type':
      return append(text, [...root, 'pipe', suggestion.binding, 'types'], suggestion.type);
    case 'operation':
      return append(text, [...root, suggestion.capability, suggestion.binding, 'can'], suggestion.operation);
    case 'fetch':
      return fetchChange(text, [...root, 'fetch'], suggestion.to, suggestion.method);
    case 'connect': {
      const path = [...root, 'connect'];
      const list = listAt(text, path);
      if (list === null) return { path, value: [{ to: suggestion.to }], insert: false };
      if (list.some((grant) => isRecord(grant) && grant['to'] === suggestion.to)) return null;
      return { path: [...path, list.length], value: { to: suggestion.to }, insert: true };
    }
    default:
      return suggestion satisfies never;
  }
}

function append(text: string, path: Path, value: string): Change | null {
  const list = listAt(text, path);
  if (list === null) return { path, value: [value], insert: false };
  return list.includes(value) ? null : { path: [...path, list.length], value, insert: true };
}

function fetchChange(text: string, path: Path, to: string, method: string): Change | null {
  const list = listAt(text, path);
  if (list === null) return { path, value: [{ to, methods: [method] }], insert: false };
  const index = list.findIndex((grant) => isRecord(grant) && grant['to'] === to);
  if (index === -1) return { path: [...path, list.length], value: { to, methods: [method] }, insert: true };
  const methods = listAt(text, [...path, index, 'methods']);
  if (methods !== null) return append(text, [...path, index, 'methods'], method);
  if (method === 'GET' || method === 'HEAD') return null;
  return { path: [...path, index, 'methods'], value: ['GET', 'HEAD', method], insert: false };
}

function valueAt(text: string, path: Path): unknown {
  const errors: ParseError[] = [];
  let value: unknown = parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0)
    throw new CordonError('CORDON_MANIFEST_INVALID', 'Cannot write grants: the manifest is not valid JSON.');
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step] as unknown;
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[step];
    else return undefined;
  }
  return value;
}

function listAt(text: string, path: Path): readonly unknown[] | null {
  const value = valueAt(text, path);
  return Array.isArray(value) ? value : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Indents as the text does. */
function layoutOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  const insertSpaces = !indent.startsWith('\t');
  return {
    insertSpaces,
    tabSize: insertSpaces ? indent.length : 1,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}
