import assert from 'node:assert/strict';
import { CordonError } from '../contract/index.ts';
import { checkSchemas } from './check-schemas.ts';
import { compileSchema, type Fault } from './compile-schema.ts';
import { prepareParsed } from './prepare-schema.ts';
import { manifestOf } from './validation.fixture.ts';

export type Schema = Readonly<Record<string, unknown>> | boolean;

/** Checks a value against a schema: pointer and keyword of what is wrong, or null. */
export function check(schema: Schema, value: unknown): string | null {
  return shown(compileSchema(prepareParsed('schema.json', schema)).check(value));
}

function shown(fault: Fault | null): string | null {
  return fault === null ? null : `${fault.pointer} ${fault.keyword}`;
}

/** Deploys a schema for a body. */
export function deploy(schema: unknown): Promise<void> {
  return checkSchemas(manifestOf({ body: 'body.json' }, { 'body.json': schema }));
}

export async function refuses(schema: unknown, pointer: string, why?: RegExp): Promise<void> {
  await assert.rejects(deploy(schema), (error: unknown) => {
    assert.ok(error instanceof CordonError, String(error));
    assert.equal(error.code, 'CORDON_SCHEMA_INVALID');
    assert.deepEqual(error.details, { file: 'body.json', pointer }, error.message);
    if (why !== undefined) assert.match(error.message, why);
    return true;
  });
}

/** A schema of an object. */
export const object = (
  properties: Readonly<Record<string, unknown>>,
  rest = {},
): Record<string, unknown> => ({
  type: 'object',
  properties,
  ...rest,
});
