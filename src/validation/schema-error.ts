import { CordonError } from '../contract/index.ts';

/** Where in which file a JSON Schema is. */
export interface SchemaPlace {
  /** File of the app. */
  readonly file: string;
  /** JSON Pointer. */
  readonly pointer: string;
}

/** CORDON_SCHEMA_INVALID at a place. `reason` goes on from "because". */
export function schemaError({ file, pointer }: SchemaPlace, reason: string, cause?: unknown): CordonError {
  const where = pointer === '' ? '' : ` at ${pointer}`;
  return new CordonError('CORDON_SCHEMA_INVALID', `Cannot use ${file}${where}: ${reason}.`, {
    details: { file, pointer },
    ...(cause === undefined ? {} : { cause }),
  });
}
