import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const CHARACTERS = 16;
const POOL_IDS = 256;

/** Kinds of identifier; the prefix tells them apart in a log. */
export type IdPrefix = 'req' | 'ins' | 'sbx' | 'evt' | 'stg';

// Randomness is taken for many ids at once: asking for it each time costs more than all stages of a request.
const pool = Buffer.alloc(CHARACTERS * POOL_IDS);
let used = pool.length;

/** A random identifier of 80 bits as `prefix_` and 16 characters of Crockford base 32. */
export function newId(prefix: IdPrefix): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = `${prefix}_`;
  const end = used + CHARACTERS;
  while (used < end) text += ALPHABET.charAt((pool[used++] ?? 0) & 31);
  return text;
}
