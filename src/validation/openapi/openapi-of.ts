import { METHODS } from '../../manifest/index.ts';
import type { FunctionSpec, Manifest, RouteSpec } from '../../manifest/index.ts';
import { escapeStep } from '../pointer.ts';
import { localPointer, type SchemaObject } from '../references.ts';
import { schemaOf } from '../route-validator.ts';
import { pathTemplate } from './path-template.ts';
import { securityOf, securitySchemesOf } from './security-schemes.ts';

type Json = Record<string, unknown>;

export interface OpenApiOptions {
  /** Where the app is served; null where that is not known. */
  readonly url: string | null;
}

const ERROR_REF = { $ref: '#/components/responses/Error' };

/**
 * The HTTP interface of an app as an OpenAPI 3.1 document, plain JSON, the same for the same manifest. What
 * OpenAPI has no word for is in `x-cordon`. Policies and limits are not in it.
 * Errors: CORDON_SCHEMA_INVALID, CORDON_MANIFEST_FILE.
 */
export function openApiOf(manifest: Manifest, { url }: OpenApiOptions): Json {
  const schemas = new SchemaComponents(manifest);
  const paths: Record<string, Json> = {};
  const ids = new Set<string>();
  for (const fn of manifest.functions) {
    for (const route of fn.routes) {
      const { template } = pathTemplate(route.path);
      const item = (paths[template] ??= {});
      for (const method of route.methods ?? METHODS) {
        item[method.toLowerCase()] ??= operationOf(fn, route, operationId(ids, fn, method), schemas);
      }
    }
  }
  return {
    openapi: '3.1.0',
    info: { title: manifest.name, version: '1.0.0' },
    ...(url === null ? {} : { servers: [{ url }] }),
    paths: sortedByKey(paths),
    components: {
      schemas: { ...schemas.all(), Error: ERROR_SCHEMA },
      responses: {
        Error: {
          description: 'The request was refused or failed.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
      securitySchemes: securitySchemesOf(manifest),
    },
  };
}

/** What the gateway answers with where it does not let a request through. */
const ERROR_SCHEMA: Json = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'A stable name such as CORDON_REQUEST_INVALID.' },
        message: { type: 'string' },
        id: { type: 'string', description: 'Under this id the operator finds the reason.' },
        problems: {
          type: 'array',
          description: 'Where the request does not follow its schema.',
          items: {
            type: 'object',
            properties: {
              in: { enum: ['body', 'query', 'params', 'headers'] },
              pointer: { type: 'string', format: 'json-pointer' },
              keyword: { type: 'string' },
            },
            required: ['in', 'pointer', 'keyword'],
          },
        },
      },
      required: ['code', 'message', 'id'],
    },
  },
  required: ['error'],
};

function operationOf(fn: FunctionSpec, route: RouteSpec, id: string, schemas: SchemaComponents): Json {
  const { path, query, params, headers } = route;
  const { names, isRest } = pathTemplate(path);
  const parts = { query, params, headers };
  const named = Object.entries(parts).flatMap(([part, file]) =>
    file === null ? [] : [[part, { $ref: schemas.reference(file) }] as const],
  );
  const parameters = [
    ...names.map((name) => pathParameter(name, params === null ? null : schemas.property(params, name))),
    ...(query === null ? [] : schemas.parameters(query, 'query')),
    ...(headers === null ? [] : schemas.parameters(headers, 'header')),
  ];
  const body = requestBodyOf(route, schemas);
  return {
    operationId: id,
    tags: [fn.name],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null ? {} : { requestBody: body }),
    responses: responsesOf(route),
    security: securityOf(route.auth),
    ...(named.length === 0 && !isRest
      ? {}
      : { 'x-cordon': { ...(isRest ? { path } : {}), ...Object.fromEntries(named) } }),
  };
}

function pathParameter(name: string, schema: Json | null): Json {
  return { name, in: 'path', required: true, schema: schema ?? { type: 'string' } };
}

function requestBodyOf({ body, types }: RouteSpec, schemas: SchemaComponents): Json | null {
  if (body === null && types === null) return null;
  const media = body === null || body === 'json' ? {} : { schema: { $ref: schemas.reference(body) } };
  return {
    ...(body === null ? {} : { required: true }),
    content: Object.fromEntries((types ?? ['*/*']).map((type) => [type, media])),
  };
}

function responsesOf(route: RouteSpec): Json {
  const { auth, allow, body, types, rates, concurrency, deliver } = route;
  const isAnswered = deliver === 'request';
  const checked = body ?? route.query ?? route.params ?? route.headers;
  const scoped = typeof auth === 'object' && auth.scopes.length > 0;
  const refusals = [
    ...(checked === null ? [] : ['400']),
    ...(auth === 'public' ? [] : ['401']),
    ...(allow === null && !scoped ? [] : ['403']),
    ...(body === null && types === null ? [] : ['413', '415']),
    ...(rates.length === 0 && concurrency.length === 0 ? [] : ['429']),
    ...(isAnswered ? [] : ['400', '413', '415', '429']),
  ];
  return {
    ...(isAnswered
      ? { '2XX': { description: 'The answer of the function.' } }
      : { 202: { description: 'What was sent is durable, and will be delivered as an event.' } }),
    ...Object.fromEntries(refusals.map((status) => [status, ERROR_REF])),
    default: ERROR_REF,
  };
}

function operationId(taken: Set<string>, fn: FunctionSpec, method: string): string {
  const base = `${fn.name}-${method.toLowerCase()}`;
  let id = base;
  for (let count = 2; taken.has(id); count++) id = `${base}-${count}`;
  taken.add(id);
  return id;
}

/** The schema files of an app as components. References within a file lead into its component. */
class SchemaComponents {
  readonly #manifest: Manifest;
  readonly #names = new Map<string, string>();

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
  }

  reference(file: string): string {
    return `#/components/schemas/${this.#nameOf(file)}`;
  }

  /** The schema of a property of a file, by reference; null where there is none. */
  property(file: string, name: string): Json | null {
    return name in this.#properties(file)
      ? { $ref: `${this.reference(file)}/properties/${escapeStep(name)}` }
      : null;
  }

  parameters(file: string, where: 'query' | 'header'): Json[] {
    const source = schemaOf(this.#manifest, file).source as { readonly required?: readonly string[] };
    return Object.keys(this.#properties(file)).map((name) => ({
      name,
      in: where,
      required: source.required?.includes(name) ?? false,
      schema: this.property(file, name),
    }));
  }

  all(): Record<string, unknown> {
    const entries = [...this.#names].map(([file, name]): [string, unknown] => {
      const { source } = schemaOf(this.#manifest, file);
      return [name, relocated(withoutHead(source), `#/components/schemas/${name}`)];
    });
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  #properties(file: string): SchemaObject {
    const { source } = schemaOf(this.#manifest, file);
    return ((source as SchemaObject)['properties'] ?? {}) as SchemaObject;
  }

  #nameOf(file: string): string {
    const known = this.#names.get(file);
    if (known !== undefined) return known;
    const base = (file.split('/').at(-1) ?? file).replace(/\.json$/, '').replaceAll(/[^A-Za-z0-9._-]+/g, '-');
    const taken = new Set([...this.#names.values(), 'Error']);
    let name = base;
    for (let count = 2; taken.has(name); count++) name = `${base}-${count}`;
    this.#names.set(file, name);
    return name;
  }
}

/** A copy in which local references start at `root`. */
function relocated(value: unknown, root: string): unknown {
  if (Array.isArray(value)) return value.map((item) => relocated(item, root));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const pointer = key === '$ref' ? localPointer(inner) : null;
      return [key, pointer === null ? relocated(inner, root) : `${root}${pointer}`];
    }),
  );
}

/** What stands at the head of a file says nothing where the schema is part of another document. */
function withoutHead(source: unknown): unknown {
  if (typeof source === 'boolean') return source;
  const { $schema: _dialect, $id: _id, ...schema } = source as SchemaObject;
  return schema;
}

function sortedByKey<T>(values: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
