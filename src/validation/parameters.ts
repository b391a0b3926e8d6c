import { LIMITS } from '../contract/index.ts';
import type { Fault } from './compile-schema.ts';
import { IN_PLACE } from './keywords.ts';
import { escapeStep, pointerOf, stepsOf } from './pointer.ts';
import type { PreparedSchema } from './prepare-schema.ts';
import { localPointer, type SchemaObject } from './references.ts';
import { schemaError } from './schema-error.ts';

/** Parts of a request whose values come as text. */
export type TextPart = 'query' | 'params' | 'headers';

/** What a text stands for. */
type TextKind = 'string' | 'integer' | 'number' | 'boolean';

interface Parameter {
  readonly kind: TextKind;
  /** True for a list, one for each time that the parameter is given. */
  readonly repeats: boolean;
}

/** The parameters that a schema names. */
export type Parameters = ReadonlyMap<string, Parameter>;

/** The values of a part, or what keeps them from being read. */
export type Values =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly fault: Fault };

const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/;
const NUMBER = /^-?(?:0|[1-9]\d{0,29})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const KINDS: ReadonlySet<unknown> = new Set<TextKind>(['string', 'integer', 'number', 'boolean']);
/** Keywords by which a schema of headers would be about fields that every client sends. */
const OPEN_KEYWORDS = [
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'unevaluatedProperties',
] as const;

/**
 * The parameters of a schema for the query, the path or the headers. Such a schema is of an object, and each
 * of its properties has one type that text can be read as; lists are for the query alone.
 * Errors: CORDON_SCHEMA_INVALID.
 */
export function readParameters(prepared: PreparedSchema, part: TextPart): Parameters {
  const { file, source } = prepared;
  const root = resolve(source, source);
  if (root?.['type'] !== 'object') {
    throw schemaError({ file, pointer: '' }, `the schema of ${part} has to have the type "object"`);
  }
  if (part === 'headers') {
    const open = OPEN_KEYWORDS.find((keyword) => keyword in root);
    if (open !== undefined) {
      throw schemaError(
        { file, pointer: `/${open}` },
        'of the headers only those that the schema names are looked at',
      );
    }
  }
  const parameters = new Map<string, Parameter>();
  for (const [name, schema] of Object.entries(root['properties'] ?? {})) {
    const place = { file, pointer: `/properties/${escapeStep(name)}` };
    if (part === 'headers' && !FIELD_NAME.test(name)) {
      throw schemaError(place, 'a header is named in lower case');
    }
    const parameter = parameterOf(source, schema);
    if (parameter === null || (parameter.repeats && part !== 'query')) {
      const lists = part === 'query' ? ', or a list of one of these' : '';
      throw schemaError(place, `its type has to be string, integer, number or boolean${lists}`);
    }
    parameters.set(name, parameter);
  }
  return parameters;
}

function parameterOf(source: unknown, schema: unknown): Parameter | null {
  const own = resolve(source, schema);
  if (own === null) return { kind: 'string', repeats: false };
  if (own['type'] === 'array') {
    const items = resolve(source, own['items']);
    const kind = items === null ? 'string' : kindOfText(items);
    return kind === null ? null : { kind, repeats: true };
  }
  const kind = kindOfText(own);
  return kind === null ? null : { kind, repeats: false };
}

function kindOfText(schema: SchemaObject): TextKind | null {
  const { type } = schema;
  if (type !== undefined) return KINDS.has(type) ? (type as TextKind) : null;
  // Without a type a value stays text: right for literals that are text, wrong for whatever a branch may ask for.
  const literals = [schema['enum'] ?? [], schema['const'] ?? []].flat();
  const branches = [...IN_PLACE].some((keyword) => keyword in schema);
  return !branches && literals.every((literal) => typeof literal === 'string') ? 'string' : null;
}

/** Follows references to the schema that says the type; null for `true`, `false` and none. */
function resolve(source: unknown, schema: unknown): SchemaObject | null {
  let current = schema;
  for (;;) {
    if (typeof current !== 'object' || current === null) return null;
    const own = current as SchemaObject;
    const pointer = own['type'] === undefined ? localPointer(own['$ref']) : null;
    if (pointer === null) return own;
    // `checkReferences` has seen that this ends.
    current = (stepsOf(pointer) ?? []).reduce<unknown>(
      (value, step) => (value as SchemaObject)[step],
      source,
    );
  }
}

/**
 * The parameters of a query, as `search` has them after `?`. Refused: escapes that are not UTF-8, more than
 * `queryParametersMax`, and a parameter twice that is no list. What cannot be read as its type stays text,
 * which the schema then refuses. Parameters that the schema does not name are text.
 */
export function queryValues(search: string, parameters: Parameters): Values {
  const text = search.startsWith('?') ? search.slice(1) : search;
  if (!isWellEscaped(text)) return refused([], 'encoding');
  const values = empty();
  let count = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    count += 1;
    if (count > LIMITS.queryParametersMax.value) return refused([], 'maxProperties');
    if (name === '__proto__') return refused([name], 'forbiddenKey');
    const { kind, repeats } = parameters.get(name) ?? { kind: 'string', repeats: false };
    const read = readText(value, kind);
    const before = values[name];
    if (!repeats && before !== undefined) return refused([name], 'repeated');
    if (!repeats) values[name] = read;
    else if (Array.isArray(before)) before.push(read);
    else values[name] = [read];
  }
  return { ok: true, value: values };
}

/** The parameters of a path. */
export function pathValues(params: Readonly<Record<string, string>>, parameters: Parameters): Values {
  const values = empty();
  for (const [name, text] of Object.entries(params)) {
    values[name] = readText(text, parameters.get(name)?.kind ?? 'string');
  }
  return { ok: true, value: values };
}

/** The headers that the schema names, of `fields` as [name, value, …]. Refused: one of them twice. */
export function headerValues(fields: readonly string[], parameters: Parameters): Values {
  const values = empty();
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    const parameter = parameters.get(name);
    if (parameter === undefined) continue;
    if (values[name] !== undefined) return refused([name], 'repeated');
    values[name] = readText(fields[i + 1] ?? '', parameter.kind);
  }
  return { ok: true, value: values };
}

function empty(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function refused(steps: readonly string[], keyword: string): Values {
  return { ok: false, fault: { pointer: pointerOf(steps), keyword } };
}

/** URLSearchParams makes U+FFFD of what is no UTF-8, which could be something else to whoever reads it next. */
function isWellEscaped(text: string): boolean {
  if (!text.includes('%')) return true;
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function readText(text: string, kind: TextKind): unknown {
  switch (kind) {
    case 'string':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'integer':
      return INTEGER.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case 'number':
      return NUMBER.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
  }
}
