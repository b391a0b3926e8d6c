import { LIMITS } from '../../contract/index.ts';
import { FORMATS, isTextFormat } from '../formats.ts';
import { IN_PLACE, kindOf } from '../keywords.ts';
import { compilePattern } from '../patterns.ts';
import { escapeStep, stepsOf } from '../pointer.ts';
import { localPointer } from '../references.ts';
import { objectOf, type JsonObject, type OpenApiDocument } from './read-document.ts';

/** A schema of a document as a file of its own. */
export interface LocalSchema {
  readonly schema: JsonObject | boolean;
  /** Last step of the reference that led to it; null for one that stands where it is used. */
  readonly name: string | null;
  /** What it asks for and Cordon does not check. */
  readonly notes: readonly string[];
}

/** Thrown where a schema cannot stand alone. The message says why. */
export class UnusableSchema extends Error {}

/** Keywords whose loss would change what a reference means. */
const REFUSED: ReadonlySet<string> = new Set(['$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveRef']);

const FAMILIES: readonly (readonly [string, readonly string[]])[] = [
  [
    'object',
    [
      'additionalProperties',
      'dependentRequired',
      'dependentSchemas',
      'maxProperties',
      'minProperties',
      'patternProperties',
      'properties',
      'propertyNames',
      'required',
      'unevaluatedProperties',
    ],
  ],
  ['array', ['contains', 'items', 'maxItems', 'minItems', 'prefixItems', 'unevaluatedItems', 'uniqueItems']],
  ['string', ['maxLength', 'minLength', 'pattern']],
  ['number', ['exclusiveMaximum', 'exclusiveMinimum', 'maximum', 'minimum', 'multipleOf']],
];

/**
 * Makes a schema stand alone: what it refers to moves into its `$defs`, what only OpenAPI knows is left out,
 * and a type that everybody means and nobody wrote is written. Throws UnusableSchema, CORDON_OPENAPI_INVALID.
 */
export function localSchema(document: OpenApiDocument, value: unknown): LocalSchema {
  const { pointer } = '$ref' in objectOf(value) ? document.followed(value) : { pointer: null };
  const source = pointer === null ? value : document.at(pointer);
  const local = new Localizer(document, pointer, Object.keys(objectOf(objectOf(source)['$defs'])));
  const root = local.schema(source, false);
  const definitions = local.definitions();
  const schema =
    typeof root === 'boolean' || definitions.length === 0
      ? root
      : { ...root, $defs: { ...objectOf(root['$defs']), ...Object.fromEntries(definitions) } };
  return {
    schema,
    name: (pointer === null ? null : stepsOf(pointer)?.at(-1)) ?? null,
    notes: [...local.notes],
  };
}

class Localizer {
  readonly notes = new Set<string>();
  readonly #document: OpenApiDocument;
  readonly #rootPointer: string | null;
  readonly #taken: Set<string>;
  /** Names in `$defs` by pointer into the document. */
  readonly #names = new Map<string, string>();
  #nodes = 0;

  constructor(document: OpenApiDocument, rootPointer: string | null, taken: readonly string[]) {
    this.#document = document;
    this.#rootPointer = rootPointer;
    this.#taken = new Set(taken);
  }

  /** All that has been referred to, and what that refers to in turn. */
  definitions(): [string, JsonObject | boolean][] {
    const made: [string, JsonObject | boolean][] = [];
    // Grows while it is gone through.
    for (const [pointer, name] of this.#names)
      made.push([name, this.schema(this.#document.at(pointer), false)]);
    return made;
  }

  /** `isTyped`: the type is said by a schema around this one that judges the same value. */
  schema(value: unknown, isTyped: boolean): JsonObject | boolean {
    this.#nodes += 1;
    if (this.#nodes > LIMITS.schemaNodesMax.value) throw new UnusableSchema('it has too many subschemas');
    if (typeof value === 'boolean') return value;
    const source = objectOf(value);
    const typed = isTyped || 'type' in source;
    const made: [string, unknown][] = [];
    for (const [keyword, inner] of Object.entries(source)) {
      if (REFUSED.has(keyword)) throw new UnusableSchema(`${keyword} cannot be used`);
      const kept = this.#keyword(keyword, inner, IN_PLACE.has(keyword) && typed);
      if (kept !== undefined) made.push([keyword, kept]);
    }
    const schema = Object.fromEntries(made);
    const type = typed ? null : impliedType(schema);
    return type === null ? schema : { type, ...schema };
  }

  /** The value of a keyword; undefined where it is left out. */
  #keyword(keyword: string, value: unknown, isTyped: boolean): unknown {
    switch (keyword.startsWith('x-') ? null : kindOf(keyword)) {
      case null:
        return undefined;
      case 'schema':
        return this.schema(value, isTyped);
      case 'schemas':
        return Array.isArray(value) ? value.map((item) => this.schema(item, isTyped)) : value;
      case 'named':
        return Object.fromEntries(
          Object.entries(objectOf(value)).map(([name, inner]) => [name, this.schema(inner, isTyped)]),
        );
      case 'annotation':
        return value;
      case 'value':
        return this.#plain(keyword, value);
    }
  }

  #plain(keyword: string, value: unknown): unknown {
    if (keyword === '$ref') return this.#reference(value);
    if (keyword === 'format' && !(typeof value === 'string' && FORMATS.has(value))) {
      this.notes.add(`the format ${shown(value)} is not checked`);
      return undefined;
    }
    if (keyword === 'pattern') {
      try {
        compilePattern(String(value));
      } catch {
        this.notes.add(`the pattern ${shown(value)} is not checked, as it cannot be in linear time`);
        return undefined;
      }
    }
    return value;
  }

  #reference(value: unknown): string {
    const pointer = localPointer(value);
    if (pointer === null)
      throw new UnusableSchema(`${shown(value)} is not a reference into the document itself`);
    const root = this.#rootPointer;
    if (root !== null && (pointer === root || pointer.startsWith(`${root}/`)))
      return `#${pointer.slice(root.length)}`;
    const known = this.#names.get(pointer);
    if (known !== undefined) return `#/$defs/${escapeStep(known)}`;
    if (this.#names.size >= LIMITS.schemaReferencesMax.value)
      throw new UnusableSchema('it refers to too many schemas');
    const base = stepsOf(pointer)?.at(-1) ?? 'root';
    let name = base;
    for (let count = 2; this.#taken.has(name); count++) name = `${base}-${count}`;
    this.#taken.add(name);
    this.#names.set(pointer, name);
    return `#/$defs/${escapeStep(name)}`;
  }
}

/** The type that the keywords of a schema are about, where they are about one. */
function impliedType(schema: JsonObject): string | null {
  if ('$ref' in schema || 'enum' in schema || 'const' in schema) return null;
  const types = FAMILIES.filter(([, keywords]) => keywords.some((keyword) => keyword in schema)).map(
    ([type]) => type,
  );
  if (isTextFormat(schema['format']) && !types.includes('string')) types.push('string');
  return types.length === 1 ? (types[0] ?? null) : null;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? '').slice(0, 80);
}
