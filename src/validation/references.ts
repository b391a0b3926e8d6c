import { LIMITS } from '../contract/index.ts';
import { IN_PLACE, kindOf } from './keywords.ts';
import { escapeStep, stepsOf } from './pointer.ts';
import { schemaError } from './schema-error.ts';

export type SchemaObject = Readonly<Record<string, unknown>>;

/** The subschemas of a file by JSON Pointer, the root by ''. Booleans are schemas too. */
export type Subschemas = ReadonlyMap<string, SchemaObject | boolean>;

/** The pointer of a local reference such as `#/$defs/order`; null for any other. */
export function localPointer(reference: unknown): string | null {
  if (typeof reference !== 'string' || !reference.startsWith('#')) return null;
  let pointer: string;
  try {
    pointer = decodeURIComponent(reference.slice(1));
  } catch {
    return null;
  }
  const steps = stepsOf(pointer);
  // Written in one way only, as others are looked up by it.
  return steps === null ? null : steps.map((step) => `/${escapeStep(step)}`).join('');
}

/**
 * Checks the references of a file: each leads to a subschema of the same file, and none comes back to where
 * it started before it has gone into the value, which would never end.
 * Errors: CORDON_SCHEMA_INVALID.
 */
export function checkReferences(file: string, subschemas: Subschemas): void {
  const targets = new Set<string>();
  for (const [pointer, schema] of subschemas) {
    if (typeof schema === 'boolean' || schema['$ref'] === undefined) continue;
    const target = localPointer(schema['$ref']);
    const place = { file, pointer: `${pointer}/$ref` };
    if (target === null) throw schemaError(place, 'a reference has to be local, such as `#/$defs/order`');
    if (!subschemas.has(target))
      throw schemaError(place, 'it refers to something that is no schema of this file');
    targets.add(target);
    // The compiler goes from one to the next by recursion.
    if (targets.size > LIMITS.schemaReferencesMax.value) {
      throw schemaError(
        place,
        `a file can refer to at most ${LIMITS.schemaReferencesMax.value} of its schemas`,
      );
    }
  }
  refuseCircles(file, subschemas);
}

function refuseCircles(file: string, subschemas: Subschemas): void {
  const state = new Map<string, 'open' | 'done'>();
  for (const start of subschemas.keys()) {
    const stack: { readonly pointer: string; readonly rest: string[] }[] = [];
    const enter = (pointer: string): void => {
      if (state.get(pointer) === 'open') {
        throw schemaError({ file, pointer }, 'it refers to itself without going into the value');
      }
      if (state.get(pointer) === 'done') return;
      state.set(pointer, 'open');
      stack.push({ pointer, rest: inPlaceOf(pointer, subschemas.get(pointer)) });
    };
    enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        state.set(top.pointer, 'done');
        stack.pop();
      } else enter(next);
    }
  }
}

/** Pointers of the subschemas that judge the same value. */
function inPlaceOf(pointer: string, schema: SchemaObject | boolean | undefined): string[] {
  if (schema === undefined || typeof schema === 'boolean') return [];
  const target = localPointer(schema['$ref']);
  const found = target === null ? [] : [target];
  for (const keyword of IN_PLACE) {
    const value = schema[keyword];
    if (value === undefined) continue;
    const at = `${pointer}/${keyword}`;
    if (kindOf(keyword) === 'schema') found.push(at);
    else for (const step of Object.keys(value as object)) found.push(`${at}/${escapeStep(step)}`);
  }
  return found;
}
