import { LIMITS } from '../contract/index.ts';
import { FORMATS, isTextFormat } from './formats.ts';
import { kindOf } from './keywords.ts';
import { compilePattern } from './patterns.ts';
import { escapeStep } from './pointer.ts';
import { checkReferences, type SchemaObject } from './references.ts';
import { schemaError } from './schema-error.ts';
import { parseStrictJson } from './strict-json.ts';

/** Keywords of the host beside those of the schema, by which a check is paid for. */
export const STEP_KEYWORD = 'cordonStep';
export const TEXT_KEYWORD = 'cordonText';

/** What trying a subschema costs. */
export interface StepCost {
  readonly step: number;
  /** For each key of an object. */
  readonly perKey: number;
}

/** A JSON Schema that is within the bounds and refers to itself alone. */
export interface PreparedSchema {
  readonly file: string;
  /** Without annotations, with the keywords of the host. */
  readonly schema: Readonly<Record<string, unknown>> | boolean;
  /** As it was written. */
  readonly source: unknown;
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
const TEXT_KEYWORDS = ['maxLength', 'minLength', 'pattern'] as const;
const KEY_KEYWORDS = [
  'additionalProperties',
  'patternProperties',
  'propertyNames',
  'unevaluatedProperties',
] as const;
/** Keywords whose values are gone through. */
const LITERAL_KEYWORDS = ['const', 'dependentRequired', 'enum', 'required'] as const;
const NAMES_PER_STEP = 8;
const LITERAL_CHARACTERS_PER_STEP = 32;

/**
 * Reads a file with a JSON Schema and bounds what it can cost: strict JSON, at most `schemaNodesMax`
 * subschemas, only known keywords and formats, local references, regular expressions that take linear time.
 * Errors: CORDON_SCHEMA_INVALID with `details.file` and `details.pointer`.
 */
export function prepareSchema(file: string, text: string): PreparedSchema {
  const parsed = parseStrictJson(Buffer.from(text), {
    depthMax: LIMITS.jsonDepthMax.value,
    valuesMax: LIMITS.jsonValuesMax.value,
  });
  if (!parsed.ok) {
    const line = text.slice(0, parsed.offset).split('\n').length;
    throw schemaError(
      { file, pointer: parsed.pointer },
      `it is not strict JSON (${parsed.reason}, line ${line})`,
    );
  }
  return prepareParsed(file, parsed.value);
}

/** The same for a schema that is parsed already. */
export function prepareParsed(file: string, source: unknown): PreparedSchema {
  const walk = new Walk(file);
  const schema = walk.schema(source, '');
  checkReferences(file, walk.subschemas);
  return { file, schema, source };
}

class Walk {
  readonly subschemas = new Map<string, SchemaObject | boolean>();
  readonly #file: string;
  #instructions = 0;

  constructor(file: string) {
    this.#file = file;
  }

  schema(value: unknown, pointer: string): Record<string, unknown> | boolean {
    if (this.subschemas.size >= LIMITS.schemaNodesMax.value) {
      throw this.#refuse(pointer, `a file can have at most ${LIMITS.schemaNodesMax.value} subschemas`);
    }
    if (typeof value === 'boolean') {
      this.subschemas.set(pointer, value);
      return value;
    }
    if (!isObject(value)) throw this.#refuse(pointer, 'a schema is an object or a boolean');
    this.subschemas.set(pointer, value);
    const made: Record<string, unknown> = {};
    for (const [keyword, inner] of Object.entries(value)) {
      const at = `${pointer}/${escapeStep(keyword)}`;
      const kind = pointer === '' && this.#isHead(keyword, inner) ? 'annotation' : kindOf(keyword);
      if (kind === null) throw this.#refuse(at, 'this keyword is not one that can be used here');
      if (kind === 'annotation') continue;
      if (kind === 'schema') made[keyword] = this.schema(inner, at);
      else if (kind === 'schemas') made[keyword] = this.#list(inner, at);
      else if (kind === 'named') made[keyword] = this.#named(inner, at, keyword);
      else made[keyword] = this.#plain(inner, at, keyword);
    }
    made[STEP_KEYWORD] = costOf(value);
    if (TEXT_KEYWORDS.some((keyword) => keyword in value) || isTextFormat(value['format']))
      made[TEXT_KEYWORD] = true;
    return made;
  }

  /** `$schema` and `$id` stand at the head of a file and change nothing, as no other file can be referred to. */
  #isHead(keyword: string, value: unknown): boolean {
    if (keyword === '$id') return true;
    if (keyword !== '$schema') return false;
    if (value === DIALECT || value === `${DIALECT}#`) return true;
    throw this.#refuse('/$schema', `the dialect has to be ${DIALECT}`);
  }

  #list(value: unknown, pointer: string): unknown[] {
    if (!Array.isArray(value) || value.length === 0)
      throw this.#refuse(pointer, 'expected a list of schemas');
    return value.map((item: unknown, index) => this.schema(item, `${pointer}/${index}`));
  }

  #named(value: unknown, pointer: string, keyword: string): Record<string, unknown> {
    if (!isObject(value)) throw this.#refuse(pointer, 'expected an object of schemas');
    const made: [string, unknown][] = [];
    for (const [name, inner] of Object.entries(value)) {
      const at = `${pointer}/${escapeStep(name)}`;
      if (keyword === 'patternProperties') this.#pattern(name, at);
      made.push([name, this.schema(inner, at)]);
    }
    return Object.fromEntries(made);
  }

  #plain(value: unknown, pointer: string, keyword: string): unknown {
    if (keyword === 'pattern') this.#pattern(value, pointer);
    if (keyword === 'format' && !(typeof value === 'string' && FORMATS.has(value))) {
      throw this.#refuse(pointer, `the format has to be one of ${[...FORMATS.keys()].toSorted().join(', ')}`);
    }
    return value;
  }

  #pattern(source: unknown, pointer: string): void {
    if (typeof source !== 'string') throw this.#refuse(pointer, 'a pattern is text');
    try {
      this.#instructions += compilePattern(source).instructions;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw schemaError(
        { file: this.#file, pointer },
        `the regular expression cannot be used: ${why}`,
        error,
      );
    }
    if (this.#instructions > LIMITS.schemaPatternInstructionsMax.value) {
      throw this.#refuse(pointer, 'the regular expressions up to here are too large together');
    }
  }

  #refuse(pointer: string, reason: string): Error {
    return schemaError({ file: this.#file, pointer }, reason);
  }
}

function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function costOf(schema: SchemaObject): StepCost {
  const literals = JSON.stringify(LITERAL_KEYWORDS.map((keyword) => schema[keyword])).length;
  const names = Object.keys(isObject(schema['properties']) ? schema['properties'] : {}).length;
  const branches = ['allOf', 'anyOf', 'oneOf', 'prefixItems'].flatMap(
    (keyword) => schema[keyword] ?? [],
  ).length;
  return {
    step:
      1 + Math.floor(literals / LITERAL_CHARACTERS_PER_STEP) + Math.ceil((names + branches) / NAMES_PER_STEP),
    perKey: KEY_KEYWORDS.some((keyword) => keyword in schema) ? 1 + Math.ceil(names / NAMES_PER_STEP) : 0,
  };
}
