import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CordonError, Secret } from '../contract/index.ts';
import { credentialsFile } from './places.ts';
import type { Surroundings } from './terminal.ts';

/** Where the control API is and what opens it. */
export interface Credentials {
  readonly url: string;
  readonly token: Secret;
}

const DEFAULT_URL = 'http://127.0.0.1:8081';

/**
 * The credentials of the environment (CORDON_URL, CORDON_TOKEN) or the file. The file's token goes to the
 * file's URL only. Errors: CORDON_TOKEN_MISSING, CORDON_CREDENTIALS_INVALID.
 */
export async function loadCredentials(surroundings: Surroundings): Promise<Credentials> {
  const { env } = surroundings;
  const url = nonEmpty(env['CORDON_URL']);
  const token = nonEmpty(env['CORDON_TOKEN']);
  if (token !== null && url !== null) return { url, token: new Secret(token) };
  const saved = await readCredentials(credentialsFile(surroundings));
  if (token !== null) return { url: saved?.url ?? DEFAULT_URL, token: new Secret(token) };
  if (saved !== null && (url === null || sameUrl(url, saved.url))) return saved;
  const where = url === null ? 'No server has been started by this user' : `No token is known for ${url}`;
  throw new CordonError('CORDON_TOKEN_MISSING', `${where}, and CORDON_TOKEN is not set.`);
}

/** The saved credentials; null when there is no file. Errors: CORDON_CREDENTIALS_INVALID. */
export async function readCredentials(file: string): Promise<Credentials | null> {
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw invalid(file, 'others may read it; run `chmod 600` on it');
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof CordonError) throw error;
    throw invalid(file, 'it cannot be read', error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(file, 'it is not JSON', error);
  }
  const { url, token } = (value ?? {}) as { url?: unknown; token?: unknown };
  if (typeof url !== 'string' || typeof token !== 'string')
    throw invalid(file, 'it names no `url` and `token`');
  return { url, token: new Secret(token) };
}

/**
 * Saves credentials for this user alone (0600), whole or not at all. Others that the file held are kept
 * beside it, as a token cannot be shown again.
 */
export async function saveCredentials(file: string, credentials: Credentials): Promise<void> {
  const folder = dirname(file);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify({ url: credentials.url, token: credentials.token.reveal() }, null, 2)}\n`;
  const fresh = `${file}.${process.pid}.new`;
  await rm(fresh, { force: true });
  const handle = await open(fresh, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  const before = await readCredentials(file).catch(() => null);
  if (before !== null && before.token.reveal() !== credentials.token.reveal()) {
    await rename(file, join(folder, 'credentials.previous.json'));
  }
  await rename(fresh, file);
}

function invalid(file: string, why: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_CREDENTIALS_INVALID', `Cannot use ${file}: ${why}.`, {
    details: { path: file },
    cause,
  });
}

function nonEmpty(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

function sameUrl(a: string, b: string): boolean {
  return URL.parse(a)?.href === URL.parse(b)?.href;
}
