import { setImmediate } from 'node:timers/promises';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import type { Manifest } from '../manifest/index.ts';
import { ajv } from './ajv.ts';
import { compileSchema } from './compile-schema.ts';
import { readParameters } from './parameters.ts';
import { escapeStep } from './pointer.ts';
import type { PreparedSchema } from './prepare-schema.ts';
import { schemaOf } from './route-validator.ts';
import { schemaError } from './schema-error.ts';

/**
 * Checks at deploy every schema that the routes of a manifest name: that it is within its bounds, follows
 * draft 2020-12, compiles, and fits the part of the request that it is for. Between two files the event loop
 * goes on. Errors: CORDON_SCHEMA_INVALID with file and pointer, CORDON_MANIFEST_FILE.
 */
export async function checkSchemas(manifest: Manifest): Promise<void> {
  const checked = new Set<string>();
  for (const { routes } of manifest.functions) {
    for (const { path, body, query, params, headers } of routes) {
      for (const file of [body === 'json' ? null : body, query, params, headers]) {
        if (file === null || checked.has(file)) continue;
        checked.add(file);
        const prepared = schemaOf(manifest, file);
        checkDialect(prepared);
        compileSchema(prepared);
        await setImmediate();
      }
      if (query !== null) readParameters(schemaOf(manifest, query), 'query');
      if (headers !== null) readParameters(schemaOf(manifest, headers), 'headers');
      if (params !== null) checkPathParameters(schemaOf(manifest, params), path);
    }
  }
}

let dialect: Ajv2020 | null = null;

/** Checks a schema against the schema of schemas. Errors: CORDON_SCHEMA_INVALID. */
export function checkDialect({ file, source }: PreparedSchema): void {
  if (typeof source === 'boolean') return;
  const { $schema: _head, ...schema } = source as Record<string, unknown>;
  dialect ??= new (ajv().Ajv2020)({ strict: false, validateFormats: false, logger: false });
  if (dialect.validateSchema(schema) === true) return;
  const error = dialect.errors?.at(-1);
  throw schemaError({ file, pointer: error?.instancePath ?? '' }, error?.message ?? 'it is no JSON Schema');
}

/** A parameter that the path does not have could never be valid. */
function checkPathParameters(prepared: PreparedSchema, path: string): void {
  const names = path.split('/').flatMap((segment) => (segment.startsWith(':') ? [segment.slice(1)] : []));
  for (const name of readParameters(prepared, 'params').keys()) {
    if (names.includes(name)) continue;
    const place = { file: prepared.file, pointer: `/properties/${escapeStep(name)}` };
    throw schemaError(place, `the path ${path} has no parameter of this name`);
  }
}
