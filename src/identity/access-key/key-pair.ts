import { randomBytes, randomInt } from 'node:crypto';
import { Secret } from '../../contract/index.ts';

/** As those of S3: tools know an access key by 20 capitals and digits, and scanners ours by their start. */
const ID_PREFIX = 'CORDON';
const ID_CHARS = 20;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** In base64, 40 characters without padding. */
const SECRET_BYTES = 30;

/** A new id, which is public, and a secret of 240 random bits. */
export function newKeyPair(): { readonly id: string; readonly secret: Secret } {
  let id = ID_PREFIX;
  while (id.length < ID_CHARS) id += ALPHABET.charAt(randomInt(ALPHABET.length));
  return { id, secret: new Secret(randomBytes(SECRET_BYTES).toString('base64')) };
}
