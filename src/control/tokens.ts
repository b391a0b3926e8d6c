import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { systemClock, type Clock } from '../contract/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';

const PREFIX = 'cordon_';
const SECRET_BYTES = 32;
// 32 bytes, then a CRC-32 of their text, both in base64url without padding.
const FORM = /^cordon_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/;

/** Name of the token that the first start makes. */
const FIRST_TOKEN_NAME = 'first';

/**
 * A new control token: `cordon_`, 256 random bits and a checksum, so that a scanner knows one when it
 * sees one and a typing mistake is told from a revoked token.
 */
export function newToken(): string {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return `${PREFIX}${secret}${checksum(secret)}`;
}

/** True when `text` has the form of a token and its checksum fits. Says nothing about access. */
export function isTokenForm(text: string): boolean {
  const [, secret = '', sum] = FORM.exec(text) ?? [];
  return secret !== '' && checksum(secret) === sum;
}

/**
 * Makes the first token of a data folder and returns it, to be shown once; null when the folder has
 * tokens already. Only its SHA-256 is stored: a token of 256 random bits needs no slow hash.
 */
export async function ensureFirstToken(store: Store, clock: Clock = systemClock): Promise<string | null> {
  const db = queryBuilder(store.dialect);
  const existing = await store.query(db.selectFrom('tokens').select('name').limit(1).compile());
  if (existing.length > 0) return null;
  return replaceFirstToken(store, clock);
}

/** Makes a first token in the place of the one that there is, which opens nothing any more. */
export async function replaceFirstToken(store: Store, clock: Clock): Promise<string> {
  const db = queryBuilder(store.dialect);
  const token = newToken();
  const row = { sha256: digest(token).toString('hex'), name: FIRST_TOKEN_NAME, created_at: clock.now() };
  const remove = db.deleteFrom('tokens').where('name', '=', FIRST_TOKEN_NAME).compile();
  const insert = db.insertInto('tokens').values(row).compile();
  await store.commit([remove, { ...insert, changes: 1 }]);
  return token;
}

/** True when the store knows this token. Every stored hash is compared, each in constant time. */
export async function verifyToken(store: Store, token: string): Promise<boolean> {
  if (!isTokenForm(token)) return false;
  const presented = digest(token);
  const select = queryBuilder(store.dialect).selectFrom('tokens').select('sha256').compile();
  let known = false;
  for (const { sha256 } of await store.query<{ sha256: string }>(select)) {
    const stored = Buffer.from(sha256, 'hex');
    if (stored.byteLength === presented.byteLength && timingSafeEqual(stored, presented)) known = true;
  }
  return known;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function checksum(secret: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(secret));
  return bytes.toString('base64url');
}
