import { CordonError, LIMITS } from '../contract/index.ts';
import type { Manifest, RouteSpec } from '../manifest/index.ts';
import { compileSchema, type CompiledSchema, type Fault } from './compile-schema.ts';
import { isJson, isListed, parseContentType } from './content-type.ts';
import { headerValues, pathValues, queryValues, readParameters } from './parameters.ts';
import type { Parameters, TextPart, Values } from './parameters.ts';
import { prepareSchema, type PreparedSchema } from './prepare-schema.ts';
import { parseStrictJson } from './strict-json.ts';

/**
 * What is wrong with a request, as its caller may know it: where, and which rule. Neither what was sent nor
 * what the schema says is in it. `keyword` is one of JSON Schema, a `JsonFault`, or `repeated`, `steps`.
 */
export interface Problem {
  readonly in: 'body' | TextPart;
  /** JSON Pointer to what is wrong, missing or too much; cut to `problemPointerCharactersMax` at a step. */
  readonly pointer: string;
  readonly keyword: string;
}

/** The parts of a request besides its body. */
export interface HeadValues {
  /** With or without `?`. */
  readonly search: string;
  /** Parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** As [name, value, …], each field as often as it was sent. */
  readonly fields: readonly string[];
}

/**
 * Checks requests of one route. Schemas are compiled at the first request that needs them and shared by the
 * deployment. At most one problem is found in each part of a request. The methods throw
 * CORDON_SCHEMA_INVALID for a schema that `checkSchemas` has never seen.
 */
export interface RouteValidator {
  /** True where the body, if there is one, has to be there as a whole. */
  readonly needsBody: boolean;
  /** Longest body that `checkBody` takes. */
  readonly bodyBytesMax: number;
  /** Value of Accept for 415 (RFC 9110 section 15.5.16). */
  readonly accept: string;
  /** False where Content-Type or Content-Encoding are not what the route takes. */
  takesContent(hasBody: boolean, fields: readonly string[]): boolean;
  /** Null where nothing is wrong. */
  checkHead(head: HeadValues): readonly Problem[] | null;
  /** Null where nothing is wrong. A body without a byte is wrong: it is not for requests that may have none. */
  checkBody(body: Uint8Array): readonly Problem[] | null;
}

const schemas = new WeakMap<Manifest, Map<string, PreparedSchema>>();
const validators = new WeakMap<RouteSpec, RouteValidator>();

/** The validator of a route; null where the manifest asks for nothing. One for each route, however often it is asked for. */
export function routeValidator(manifest: Manifest, route: RouteSpec): RouteValidator | null {
  const { types, body, query, params, headers } = route;
  if (types === null && body === null && query === null && params === null && headers === null) return null;
  const known = validators.get(route);
  if (known !== undefined) return known;
  const made = new LazyValidator(manifest, route);
  validators.set(route, made);
  return made;
}

/** The schema in a file that the manifest names. Errors: CORDON_SCHEMA_INVALID, CORDON_MANIFEST_FILE. */
export function schemaOf(manifest: Manifest, file: string): PreparedSchema {
  const known = schemas.get(manifest) ?? new Map<string, PreparedSchema>();
  schemas.set(manifest, known);
  const before = known.get(file);
  if (before !== undefined) return before;
  const text = manifest.files[file];
  if (text === undefined) {
    throw new CordonError('CORDON_MANIFEST_FILE', `cordon.jsonc names ${file}, which is not there.`, {
      details: { file },
    });
  }
  const prepared = prepareSchema(file, text);
  known.set(file, prepared);
  return prepared;
}

interface PartCheck {
  readonly parameters: Parameters;
  readonly schema: CompiledSchema;
}

class LazyValidator implements RouteValidator {
  readonly needsBody: boolean;
  readonly bodyBytesMax = LIMITS.validatedBodyBytesMax.value;
  readonly accept: string;
  readonly #manifest: Manifest;
  readonly #route: RouteSpec;
  readonly #parts = new Map<TextPart, PartCheck>();
  #body: CompiledSchema | null = null;

  constructor(manifest: Manifest, route: RouteSpec) {
    this.needsBody = route.body !== null;
    this.accept = (route.types ?? ['*/*']).join(', ');
    this.#manifest = manifest;
    this.#route = route;
  }

  takesContent(hasBody: boolean, fields: readonly string[]): boolean {
    if (!hasBody) return true;
    const types = valuesOf(fields, 'content-type');
    const encodings = valuesOf(fields, 'content-encoding');
    if (this.needsBody && encodings.some((encoding) => encoding.toLowerCase() !== 'identity')) return false;
    if (this.#route.types === null) return true;
    const type = types.length === 1 ? parseContentType(types[0] ?? '') : null;
    if (type === null || !isListed(type, this.#route.types)) return false;
    return !this.needsBody || isJson(type);
  }

  checkHead({ search, params, fields }: HeadValues): readonly Problem[] | null {
    const route = this.#route;
    const problems: Problem[] = [];
    if (route.query !== null) {
      const check = this.#part('query', route.query);
      addProblem(problems, 'query', check, queryValues(search, check.parameters));
    }
    if (route.params !== null) {
      const check = this.#part('params', route.params);
      addProblem(problems, 'params', check, pathValues(params, check.parameters));
    }
    if (route.headers !== null) {
      const check = this.#part('headers', route.headers);
      addProblem(problems, 'headers', check, headerValues(fields, check.parameters));
    }
    return problems.length === 0 ? null : problems;
  }

  checkBody(body: Uint8Array): readonly Problem[] | null {
    const file = this.#route.body;
    if (file === null) return null;
    const fault = this.#bodyFault(body, file);
    return fault === null ? null : [problemOf('body', fault)];
  }

  #bodyFault(body: Uint8Array, file: string): Fault | null {
    if (body.byteLength === 0) return { pointer: '', keyword: 'required' };
    if (body.byteLength > this.bodyBytesMax) return { pointer: '', keyword: 'maxLength' };
    const parsed = parseStrictJson(body, {
      depthMax: LIMITS.jsonDepthMax.value,
      valuesMax: LIMITS.jsonValuesMax.value,
    });
    if (!parsed.ok) return { pointer: parsed.pointer, keyword: parsed.reason };
    if (file === 'json') return null;
    this.#body ??= compileSchema(schemaOf(this.#manifest, file));
    return this.#body.check(parsed.value);
  }

  #part(part: TextPart, file: string): PartCheck {
    const known = this.#parts.get(part);
    if (known !== undefined) return known;
    const prepared = schemaOf(this.#manifest, file);
    const made = { parameters: readParameters(prepared, part), schema: compileSchema(prepared) };
    this.#parts.set(part, made);
    return made;
  }
}

function addProblem(problems: Problem[], part: TextPart, check: PartCheck, values: Values): void {
  const fault = values.ok ? check.schema.check(values.value) : values.fault;
  if (fault !== null) problems.push(problemOf(part, fault));
}

function problemOf(part: Problem['in'], { pointer, keyword }: Fault): Problem {
  const max = LIMITS.problemPointerCharactersMax.value;
  const shown = pointer.length <= max ? pointer : pointer.slice(0, pointer.lastIndexOf('/', max));
  return { in: part, pointer: shown, keyword };
}

function valuesOf(fields: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() === name) values.push(fields[i + 1] ?? '');
  }
  return values;
}
