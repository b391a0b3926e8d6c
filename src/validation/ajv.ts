import { createRequire } from 'node:module';
import type * as Ajv from 'ajv/dist/2020.js';

const load = createRequire(import.meta.url);

/** The library, which is loaded at the first call: a server whose routes have no schemas never needs it. */
export function ajv(): typeof Ajv {
  return load('ajv/dist/2020.js') as typeof Ajv;
}
