import { createRequire } from 'node:module';
import type * as Jose from 'jose';

const load = createRequire(import.meta.url);
let loaded: typeof Jose | null = null;

/** The library, which is loaded at the first call: a server that sees no tokens never needs it. */
export function jose(): typeof Jose {
  loaded ??= load('jose') as typeof Jose;
  return loaded;
}
