import { randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const CHARACTERS = 16;
const POOL_IDS = 256;

const pool = Buffer.alloc(CHARACTERS * POOL_IDS);
let used = pool.length;

/**
 * An id as `newId('req')` makes it: 80 random bits. Randomness is taken for many at once, as asking for it
 * each time costs more than all stages of a request together.
 */
export function newRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let text = 'req_';
  const end = used + CHARACTERS;
  while (used < end) text += ALPHABET.charAt((pool[used++] ?? 0) & 31);
  return text;
}
