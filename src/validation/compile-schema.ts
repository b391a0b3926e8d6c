import type { Ajv2020, ErrorObject, KeywordCxt } from 'ajv/dist/2020.js';
import { ajv } from './ajv.ts';
import { FORMATS } from './formats.ts';
import { charge, EXHAUSTED, meter, resetMeter } from './meter.ts';
import { compilePattern } from './patterns.ts';
import { escapeStep } from './pointer.ts';
import { STEP_KEYWORD, TEXT_KEYWORD, type PreparedSchema, type StepCost } from './prepare-schema.ts';
import { schemaError } from './schema-error.ts';

/** What is wrong with a value: where, and by which keyword of the schema. */
export interface Fault {
  /** JSON Pointer into the value: to what is wrong, missing or too much. */
  readonly pointer: string;
  /** Keyword of JSON Schema; `steps` where checking would have taken too long. */
  readonly keyword: string;
}

/** A schema as code. */
export interface CompiledSchema {
  /** The first thing that is wrong with a value, or null. Never throws: what fails in a check refuses. */
  check(value: unknown): Fault | null;
}

/** Characters of a text that one step pays for, where the text is only gone through. */
const CHARACTERS_PER_STEP_LOG2 = 5;
const STEPS_PER_ITEM = 8;
const CHARACTERS_PER_STEP_OF_ITEM = 4;

let shared: Ajv2020 | null = null;

/**
 * Compiles a schema, in the strict mode of ajv: a keyword that would be ignored, as `properties` of what may
 * be something else than an object, is an error.
 * Errors: CORDON_SCHEMA_INVALID.
 */
export function compileSchema({ file, schema }: PreparedSchema): CompiledSchema {
  const compiler = (shared ??= createCompiler());
  // A schema of its own each time, as ajv remembers by identity.
  const root = typeof schema === 'boolean' ? { allOf: [schema] } : { ...schema };
  try {
    const validate = compiler.compile(root);
    return {
      check: (value) => {
        resetMeter();
        try {
          return validate(value) ? null : faultOf(validate.errors ?? []);
        } catch {
          return { pointer: '', keyword: 'steps' };
        }
      },
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const pointer = /at "[^"#]*#([^"]*)"/.exec(message)?.[1] ?? '';
    throw schemaError({ file, pointer }, message.replaceAll(/\s+/g, ' '), error);
  } finally {
    compiler.removeSchema(root);
  }
}

/**
 * One for all schemas, and it keeps none of them. It makes code from a schema with `new Function`; texts of
 * the schema get into it as escaped literals, keywords not at all (`prepareSchema` lets known ones pass).
 */
function createCompiler(): Ajv2020 {
  const compiler = new (ajv().Ajv2020)({
    strict: true,
    allowUnionTypes: true,
    // The check would run names against patterns with the backtracking RegExp.
    allowMatchingProperties: true,
    strictTuples: false,
    strictRequired: false,
    // Inherited properties such as `constructor` are no properties of a value.
    ownProperties: true,
    validateSchema: false,
    meta: false,
    messages: false,
    inlineRefs: false,
    logger: false,
    code: { regExp: Object.assign(compilePattern, { code: 'compilePattern' }), optimize: false },
  });
  for (const [name, format] of FORMATS) compiler.addFormat(name, format);
  compiler.addKeyword({ keyword: STEP_KEYWORD, schemaType: 'object', before: '$ref', code: chargeStep });
  compiler.addKeyword({
    keyword: TEXT_KEYWORD,
    schemaType: 'boolean',
    type: 'string',
    before: 'maxLength',
    code: chargeText,
  });
  // That of ajv compares each item with each other one.
  compiler.removeKeyword('uniqueItems');
  compiler.addKeyword({
    keyword: 'uniqueItems',
    schemaType: 'boolean',
    type: 'array',
    validate: (unique: boolean, items: readonly unknown[]) => !unique || areUnique(items),
  });
  return compiler;
}

function chargeStep({ gen, data, schema }: KeywordCxt): void {
  const { _ } = ajv();
  const { step, perKey } = schema as StepCost;
  const counter = gen.scopeValue('obj', { ref: meter });
  gen.code(_`${counter}.left -= ${step}`);
  if (perKey > 0) {
    gen.if(_`typeof ${data} == "object" && ${data} !== null && !Array.isArray(${data})`, () => {
      gen.code(_`${counter}.left -= Object.keys(${data}).length * ${perKey}`);
    });
  }
  gen.if(_`${counter}.left < 0`, () => gen.throw(_`${gen.scopeValue('obj', { ref: EXHAUSTED })}`));
}

function chargeText({ gen, data }: KeywordCxt): void {
  const { _ } = ajv();
  gen.code(_`${gen.scopeValue('obj', { ref: meter })}.left -= ${data}.length >> ${CHARACTERS_PER_STEP_LOG2}`);
}

/** Equal as JSON Schema has it: whatever the order of the keys. */
function areUnique(items: readonly unknown[]): boolean {
  const plain = new Set<unknown>();
  const texts = new Set<string>();
  for (const item of items) {
    charge(STEPS_PER_ITEM);
    if (typeof item !== 'object' || item === null) {
      if (plain.has(item)) return false;
      plain.add(item);
      continue;
    }
    const text = canonicalText(item);
    charge(text.length / CHARACTERS_PER_STEP_OF_ITEM);
    if (texts.has(text)) return false;
    texts.add(text);
  }
  return true;
}

function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The outermost is the last; of a condition it is what its branch asks for. */
function faultOf(errors: readonly ErrorObject[]): Fault {
  const last = errors.at(-1);
  const error = last?.keyword === 'if' ? (errors.at(-2) ?? last) : last;
  if (error === undefined) return { pointer: '', keyword: 'steps' };
  const params = error.params as Readonly<Record<string, unknown>>;
  const step = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
  return {
    pointer: typeof step === 'string' ? `${error.instancePath}/${escapeStep(step)}` : error.instancePath,
    keyword: error.keyword,
  };
}
