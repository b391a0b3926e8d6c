import { METHODS, parseManifest } from '../../manifest/index.ts';
import type { Manifest, ManifestInput, Method } from '../../manifest/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { handlerStub, type StubOperation } from './handler-stub.ts';
import { ImportedSecurity } from './import-security.ts';
import { OperationImport } from './operation-import.ts';
import { pathTemplate, routePath } from './path-template.ts';
import { objectOf, openApiError, readDocument, type JsonObject } from './read-document.ts';
import { SchemaFiles } from './schema-files.ts';

type RouteInput = NonNullable<ManifestInput['functions'][string]['routes']>[number];

/** A remark about an operation of the document. */
export interface ImportRemark {
  readonly method: string;
  readonly path: string;
  readonly text: string;
}

/** An app made from an OpenAPI document. */
export interface ImportedApp {
  /** What cordon.jsonc says. It is valid. */
  readonly manifest: ManifestInput;
  /** Schemas and entry modules: path and text. */
  readonly files: readonly (readonly [string, string])[];
  /** Operations that only the operator can call until a person has decided who else may. */
  readonly decisions: readonly ImportRemark[];
  /** What the document asks for and the app does not do. */
  readonly notes: readonly ImportRemark[];
}

export interface ImportOptions {
  readonly name: string;
  /** Operations without security are for everyone. Default of the caller should be false: then they are closed. */
  readonly allowsPublic: boolean;
}

/**
 * Makes an app of an OpenAPI 3.1 document: a function for each path with a stub for each operation, schemas
 * as files, authenticators where the document says all that they need. Nothing is open that the document
 * or `allowsPublic` does not open, and nothing outside of the document is read.
 * Errors: CORDON_OPENAPI_INVALID.
 */
export function appFromOpenApi(text: string, { name, allowsPublic }: ImportOptions): ImportedApp {
  const document = readDocument(text);
  const security = new ImportedSecurity(document, allowsPublic);
  const decisions: ImportRemark[] = [];
  const notes: ImportRemark[] = [];
  const files = new SchemaFiles();
  const functions = new Functions();
  for (const [template, item] of Object.entries(objectOf(document.root['paths']))) {
    const operations = operationsOf(document.object(item));
    const [[, first] = []] = operations;
    if (first === undefined) continue;
    const place = routePath(template);
    if (place === null) {
      notes.push({
        method: 'any',
        path: template.slice(0, 200),
        text: 'it is left out, as no route can have this path',
      });
      continue;
    }
    const made = operations.map(([method, operation]) => {
      const path = restPath(operation, template) ?? place.path;
      const remark = (to: ImportRemark[]) => (text: string) => void to.push({ method, path, text });
      const { auth, decision } = security.of(operation);
      if (decision !== null) remark(decisions)(decision);
      const source = { document, item: document.object(item), operation, method, path, names: place.names };
      const imported = new OperationImport(source, files, remark(notes));
      return { ...imported.route(), method, path, auth, summary: summaryOf(operation) };
    });
    functions.add(place.path, made);
  }
  if (functions.size === 0) throw openApiError('it has no operation that can be made into a route');
  if (functions.size > LIMITS.functionsPerAppMax.value) {
    throw openApiError(
      `it has more than ${LIMITS.functionsPerAppMax.value} paths; split it into several apps`,
    );
  }
  const auth = security.section();
  const manifest: ManifestInput = {
    name,
    ...(Object.keys(auth).length === 0 ? {} : { auth }),
    functions: functions.section(),
  };
  refuseInvalid(manifest);
  return { manifest, files: [...files.all(), ...functions.stubs()], decisions, notes };
}

/** An operation as a route, and what its stub has to know. */
export interface ImportedOperation extends StubOperation {
  readonly method: Method;
  readonly auth: RouteInput['auth'];
  /** The parts of the route besides path, methods and auth. */
  readonly checks: Partial<RouteInput>;
}

/** The functions of the app, one for each path. */
class Functions {
  readonly #made = new Map<string, readonly ImportedOperation[]>();

  get size(): number {
    return this.#made.size;
  }

  add(path: string, operations: readonly ImportedOperation[]): void {
    const base = functionName(path);
    let name = base;
    for (let count = 2; this.#made.has(name); count++) name = `${base}-${count}`;
    this.#made.set(name, operations);
  }

  section(): ManifestInput['functions'] {
    return Object.fromEntries(
      [...this.#made].map(([name, operations]) => [
        name,
        { entry: `src/${name}.ts`, routes: routesOf(operations) },
      ]),
    );
  }

  stubs(): [string, string][] {
    return [...this.#made].map(([name, operations]) => [`src/${name}.ts`, handlerStub(name, operations)]);
  }
}

/** Operations that differ in their method alone are one route. */
function routesOf(operations: readonly ImportedOperation[]): RouteInput[] {
  const groups = new Map<string, { readonly first: ImportedOperation; readonly methods: Method[] }>();
  for (const operation of operations) {
    const { path, auth, checks } = operation;
    const key = JSON.stringify([path, auth, checks]);
    const group = groups.get(key) ?? { first: operation, methods: [] };
    groups.set(key, group);
    group.methods.push(operation.method);
  }
  return [...groups.values()].map(({ first: { path, auth, checks }, methods }) => ({
    path,
    ...(methods.length === METHODS.length ? {} : { methods }),
    auth,
    ...checks,
  }));
}

function operationsOf(item: JsonObject): [Method, JsonObject][] {
  return METHODS.flatMap((method): [Method, JsonObject][] => {
    const operation = item[method.toLowerCase()];
    return operation === undefined ? [] : [[method, objectOf(operation)]];
  });
}

/** The path that the exporter has noted, as OpenAPI has no word for the rest of a path. */
function restPath(operation: JsonObject, template: string): string | null {
  const path = objectOf(operation['x-cordon'])['path'];
  return typeof path === 'string' && path.endsWith('/*') && pathTemplate(path).template === template
    ? path
    : null;
}

function summaryOf(operation: JsonObject): string {
  const summary = operation['summary'] ?? operation['description'];
  return typeof summary === 'string' ? summary : '';
}

const FUNCTION_NAME_CHARACTERS_MAX = 50;

function functionName(path: string): string {
  const made = path
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, FUNCTION_NAME_CHARACTERS_MAX)
    .replace(/-+$/, '');
  return made === '' ? 'root' : made;
}

function refuseInvalid(manifest: ManifestInput): Manifest {
  try {
    return parseManifest(JSON.stringify(manifest));
  } catch (error) {
    const message =
      error instanceof Error
        ? (error.message.split('\n').find((line) => line.includes('expected')) ?? '')
        : '';
    throw openApiError(`what it says does not fit a manifest: ${message}`, error);
  }
}
