import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Kinds of identifier; the prefix tells them apart in a log. */
export type IdPrefix = 'req' | 'ins' | 'evt' | 'stg';

/** A random identifier of 80 bits as `prefix_` and 16 characters of Crockford base 32. */
export function newId(prefix: IdPrefix): string {
  const bytes = randomBytes(16);
  let text = '';
  for (const byte of bytes) text += ALPHABET.charAt(byte & 31);
  return `${prefix}_${text}`;
}
