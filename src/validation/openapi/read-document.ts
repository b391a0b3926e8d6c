import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { stepsOf } from '../pointer.ts';
import { localPointer } from '../references.ts';
import { parseStrictJson } from '../strict-json.ts';

const load = createRequire(import.meta.url);

export type JsonObject = Readonly<Record<string, unknown>>;

/** References that lead to references. */
const HOPS_MAX = 10;

/** An OpenAPI document: plain JSON whose references stay within it. */
export class OpenApiDocument {
  readonly root: JsonObject;

  constructor(root: JsonObject) {
    this.root = root;
  }

  /** What is meant by a value that may be a reference; an empty object for none. Errors: CORDON_OPENAPI_INVALID. */
  object(value: unknown): JsonObject {
    return this.followed(value).value;
  }

  /** The same, with the pointer of the last reference on the way; null where there was none. */
  followed(value: unknown): { readonly value: JsonObject; readonly pointer: string | null } {
    let current = value;
    let pointer: string | null = null;
    for (let hops = 0; hops <= HOPS_MAX; hops++) {
      const object = objectOf(current);
      const reference = object['$ref'];
      if (reference === undefined) return { value: object, pointer };
      pointer = localPointer(reference);
      if (pointer === null) {
        throw openApiError(
          `${JSON.stringify(reference).slice(0, 200)} is not a reference into the document itself`,
        );
      }
      current = this.at(pointer);
    }
    throw openApiError(`the references at ${pointer ?? ''} go in a circle`);
  }

  /** The value at a pointer. Errors: CORDON_OPENAPI_INVALID. */
  at(pointer: string): unknown {
    let current: unknown = this.root;
    for (const step of stepsOf(pointer) ?? []) {
      if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) {
        throw openApiError(`there is nothing at #${pointer}, which is referred to`);
      }
      current = (current as JsonObject)[step];
    }
    return current;
  }
}

/** CORDON_OPENAPI_INVALID. `reason` goes on from "because". */
export function openApiError(reason: string, cause?: unknown): CordonError {
  const message = `Cannot make an app of the OpenAPI document: ${reason}.`;
  return new CordonError('CORDON_OPENAPI_INVALID', message, cause === undefined ? {} : { cause });
}

/** An object, or an empty one in the place of anything else. */
export function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/**
 * Reads an OpenAPI 3.1 document in JSON or YAML. Refused: more than `openApiBytesMax`, duplicate keys, YAML
 * aliases, and versions in which schemas are no JSON Schemas. Errors: CORDON_OPENAPI_INVALID.
 */
export function readDocument(text: string): OpenApiDocument {
  const bytesMax = LIMITS.openApiBytesMax.value;
  if (Buffer.byteLength(text) > bytesMax) throw openApiError(`it has more than ${bytesMax} bytes`);
  const json = text.trimStart().startsWith('{') ? text : jsonOfYaml(text);
  const bounds = { depthMax: LIMITS.jsonDepthMax.value, valuesMax: bytesMax };
  const parsed = parseStrictJson(Buffer.from(json), bounds);
  if (!parsed.ok) throw openApiError(`it is not strict JSON at "${parsed.pointer}" (${parsed.reason})`);
  const root = objectOf(parsed.value);
  const version = root['openapi'] ?? root['swagger'];
  if (typeof version !== 'string' || !/^3\.1\.\d+$/.test(version)) {
    const said =
      typeof version === 'string'
        ? `its version is ${JSON.stringify(version.slice(0, 20))}`
        : 'it has no version';
    throw openApiError(`${said}, and only 3.1 has JSON Schemas; convert it first`);
  }
  return new OpenApiDocument(root);
}

function jsonOfYaml(text: string): string {
  // Loaded by those who ask for it: a server never does.
  const { parseDocument } = load('yaml') as typeof Yaml;
  try {
    const document = parseDocument(text, { schema: 'core', uniqueKeys: true, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) throw error;
    // An alias can stand for a tree that has aliases: a few lines would become more than fits in memory.
    return JSON.stringify(document.toJS({ maxAliasCount: 0 }) ?? null);
  } catch (error) {
    const message = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ').slice(0, 300) : '';
    throw openApiError(`it is not YAML that can be read (${message})`, error);
  }
}
