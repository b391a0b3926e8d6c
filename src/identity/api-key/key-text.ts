import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../../contract/index.ts';

const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const ID_CHARS = 8;
const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62 to the power of 43 is more than 2 to the power of 256. */
const SECRET_CHARS = 43;
const CHECKSUM_CHARS = 6;
const FORM = /^cordon_([0-9a-hjkmnp-tv-z]{8})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/;
/** Length of every key. */
const KEY_CHARS = 'cordon__'.length + ID_CHARS + SECRET_CHARS + CHECKSUM_CHARS;

export interface NewKey {
  /** For people and for the index: public, and no part of the secret. */
  readonly id: string;
  /** `cordon_`, the id, `_`, 43 random characters of base 62, and the CRC-32 of all of that in 6 more. */
  readonly key: Secret;
  readonly sha256: string;
}

/**
 * A new key of 256 random bits. Scanners know one by its form, and a typing mistake is found by its checksum
 * alone; it is stored as its SHA-256, as so many random bits need no slow hash.
 */
export function newKey(): NewKey {
  const id = randomText(ID_ALPHABET, ID_CHARS);
  const body = `cordon_${id}_${randomText(BASE_62, SECRET_CHARS)}`;
  const key = `${body}${checksum(body)}`;
  return { id, key: new Secret(key), sha256: digestOf(key).toString('hex') };
}

/** The id in a text that has the form of a key and its checksum; null for any other. Says nothing about access. */
export function keyIdIn(text: string): string | null {
  if (text.length !== KEY_CHARS) return null;
  const [, id = null, sum] = FORM.exec(text) ?? [];
  return sum === checksum(text.slice(0, -CHECKSUM_CHARS)) ? id : null;
}

export function digestOf(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

function randomText(alphabet: string, length: number): string {
  let text = '';
  while (text.length < length) text += alphabet.charAt(randomInt(alphabet.length));
  return text;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  while (text.length < CHECKSUM_CHARS) {
    text = BASE_62.charAt(rest % BASE_62.length) + text;
    rest = Math.floor(rest / BASE_62.length);
  }
  return text;
}
