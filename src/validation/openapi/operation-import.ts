import type { ManifestInput } from '../../manifest/index.ts';
import { isJson, parseContentType } from '../content-type.ts';
import type { TextPart } from '../parameters.ts';
import { localSchema, UnusableSchema, type LocalSchema } from './local-schema.ts';
import { objectOf, type JsonObject, type OpenApiDocument } from './read-document.ts';
import type { SchemaFiles } from './schema-files.ts';

type RouteInput = NonNullable<ManifestInput['functions'][string]['routes']>[number];

/** An operation and where it stands. */
export interface OperationSource {
  readonly document: OpenApiDocument;
  readonly item: JsonObject;
  readonly operation: JsonObject;
  readonly method: string;
  /** Path of the route. */
  readonly path: string;
  /** Names of the parameters of the path, by what the document calls them. */
  readonly names: ReadonlyMap<string, string>;
}

/** The parts of a request that have a schema of their parameters, by what OpenAPI calls them. */
const PLACES: Readonly<Record<string, TextPart>> = { query: 'query', path: 'params', header: 'headers' };
/** Header parameters that OpenAPI says to ignore. */
const HEADERS_IGNORED: ReadonlySet<string> = new Set(['accept', 'authorization', 'content-type']);
const TYPES_MAX = 50;

/** Makes the checks of a route from an operation. */
export class OperationImport {
  readonly #source: OperationSource;
  readonly #files: SchemaFiles;
  readonly #note: (text: string) => void;

  constructor(source: OperationSource, files: SchemaFiles, note: (text: string) => void) {
    this.#source = source;
    this.#files = files;
    this.#note = note;
  }

  /** The parts of the route besides path, methods and auth, and the schema of its body. */
  route(): { readonly checks: Partial<RouteInput>; readonly body: JsonObject | boolean | null } {
    const checks: Partial<RouteInput> = {};
    for (const part of ['query', 'params', 'headers'] as const) {
      const schema = this.#noted(part) ?? this.#assembled(part);
      const file = schema === null ? null : this.#file(schema, part);
      if (file !== null) checks[part] = file;
    }
    const { types, schema } = this.#requestBody();
    if (types !== null) checks.types = [...types];
    if (schema === null) return { checks, body: null };
    const file = schema === 'json' ? null : this.#file(schema, 'body');
    checks.body = file ?? 'json';
    return { checks, body: schema === 'json' || file === null ? null : schema.schema };
  }

  /** The schema that the exporter has noted for a part. */
  #noted(part: TextPart): LocalSchema | null {
    const value = objectOf(this.#source.operation['x-cordon'])[part];
    return value === undefined ? null : this.#local(value, part);
  }

  /** The schema of an object of the parameters of a part; null where they ask for nothing. */
  #assembled(part: TextPart): LocalSchema | null {
    const properties = new Map<string, unknown>();
    const required: string[] = [];
    let isOpen = part !== 'query';
    for (const parameter of this.#parameters(part)) {
      const name = this.#parameterName(part, String(parameter['name']));
      const isPlain = isPlainStyle(parameter, part);
      if (!isPlain)
        this.#note(
          `the ${part} parameter ${JSON.stringify(name)} is not checked, as its style is none that can be`,
        );
      if (!isPlain && part === 'query') isOpen = true;
      else properties.set(name, isPlain ? (parameter['schema'] ?? {}) : {});
      if (isPlain && (parameter['required'] === true || part === 'params')) required.push(name);
    }
    if (properties.size === 0 && isOpen) return null;
    if (part === 'params' && [...properties.values()].every(isAnyText)) return null;
    if (part === 'query' && properties.size === 0) return null;
    return this.#local(
      {
        type: 'object',
        properties: Object.fromEntries(properties),
        ...(required.length === 0 ? {} : { required }),
        ...(isOpen ? {} : { additionalProperties: false }),
      },
      part,
    );
  }

  /** Parameters of the path item, and of the operation in their place. */
  #parameters(part: TextPart): JsonObject[] {
    const { document, item, operation } = this.#source;
    const found = new Map<string, JsonObject>();
    for (const list of [item['parameters'], operation['parameters']]) {
      for (const value of Array.isArray(list) ? list : []) {
        const parameter = document.object(value);
        const { name } = parameter;
        const where = String(parameter['in']);
        if (PLACES[where] !== part || typeof name !== 'string' || name === '__proto__') continue;
        if (part === 'headers' && HEADERS_IGNORED.has(name.toLowerCase())) continue;
        if (part === 'params' && !this.#source.names.has(name)) continue;
        found.set(name, parameter);
      }
    }
    return [...found.values()];
  }

  #parameterName(part: TextPart, name: string): string {
    if (part === 'headers') return name.toLowerCase();
    return part === 'params' ? (this.#source.names.get(name) ?? name) : name;
  }

  #requestBody(): { readonly types: readonly string[] | null; readonly schema: LocalSchema | 'json' | null } {
    const { document, operation } = this.#source;
    if (operation['requestBody'] === undefined) return { types: null, schema: null };
    const content = Object.entries(objectOf(document.object(operation['requestBody'])['content']));
    const media = content.flatMap(([text, value]) => {
      const type = parseContentType(text);
      return type === null || type.essence === '*/*' ? [] : [{ type, media: objectOf(value) }];
    });
    if (media.length < content.length || media.length === 0 || media.length > TYPES_MAX) {
      return { types: null, schema: null };
    }
    const types = [...new Set(media.map(({ type }) => type.essence))];
    if (!media.every(({ type }) => isJson(type))) {
      if (media.some(({ type }) => isJson(type)))
        this.#note('the body is not checked, as it may be something else than JSON');
      return { types, schema: null };
    }
    const schemas = new Set(media.map((one) => JSON.stringify(one.media['schema'] ?? null)));
    const [first] = media;
    const schema = first?.media['schema'];
    const plain = types.length === 1 && types[0] === 'application/json' ? null : types;
    if (schema === undefined || schemas.size > 1) return { types: plain, schema: 'json' };
    return { types: plain, schema: this.#local(schema, 'body') ?? 'json' };
  }

  #local(value: unknown, part: TextPart | 'body'): LocalSchema | null {
    try {
      return localSchema(this.#source.document, value);
    } catch (error) {
      if (!(error instanceof UnusableSchema)) throw error;
      this.#note(`the schema of its ${part} is not checked: ${error.message}`);
      return null;
    }
  }

  #file({ schema, name, notes }: LocalSchema, part: TextPart | 'body'): string | null {
    const { method, path } = this.#source;
    const added = this.#files.add(schema, name ?? `${path}-${method}-${part}`, part);
    for (const note of notes) this.#note(`${part}: ${note}`);
    if ('path' in added) return added.path;
    this.#note(`the schema of its ${part} is not checked: ${added.reason}`);
    return null;
  }
}

/** One text for each value, or for a list the parameter several times: what a query, a path and a header have by default. */
function isPlainStyle(parameter: JsonObject, part: TextPart): boolean {
  const style = parameter['style'] ?? (part === 'query' ? 'form' : 'simple');
  const isList = objectOf(parameter['schema'])['type'] === 'array';
  if (parameter['content'] !== undefined) return false;
  return (
    style === (part === 'query' ? 'form' : 'simple') &&
    (part !== 'query' || !isList || parameter['explode'] !== false)
  );
}

/** A schema that every text follows. */
function isAnyText(schema: unknown): boolean {
  const keys = Object.keys(objectOf(schema)).filter((key) => key !== 'description' && key !== 'title');
  return keys.length === 0 || (keys.length === 1 && objectOf(schema)['type'] === 'string');
}
