import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import { hasCode } from '../file-problem.ts';
import type { ObjectStore } from '../port.ts';
import { syncFolder } from '../sync-folder.ts';

const HASH = /^[0-9a-f]{64}$/;
/** Where objects are while they are written; a rename makes them objects. */
const INCOMING = 'incoming';
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;

/**
 * Opens the folder at `path`, makes it (0700) where there is none, and removes what a crash left half-written.
 * One process at a time may have it open. Errors: CORDON_STORE_FAILED, CORDON_STORE_FULL.
 */
export async function openFileObjectStore(options: { readonly path: string }): Promise<ObjectStore> {
  const folder = options.path;
  const incoming = join(folder, INCOMING);
  try {
    await mkdir(incoming, { recursive: true, mode: OWNER_ONLY_FOLDER });
    for (const name of await readdir(incoming))
      await rm(join(incoming, name), { recursive: true, force: true });
    await syncFolder(folder);
    await syncFolder(dirname(folder));
  } catch (cause) {
    throw writeError(folder, cause);
  }
  return new FileObjectStore(folder);
}

/** A file per object, named by its hash, in a folder per first byte of the hash. */
class FileObjectStore implements ObjectStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(bytes: Uint8Array): Promise<string> {
    // A copy: the caller may go on with its buffer while this one is written.
    const content = Uint8Array.from(bytes);
    const hash = hashOf(content);
    const path = this.#path(hash);
    // A damaged object is written anew: deploying again is what heals it.
    if (await isIntact(path, hash)) {
      await syncFolder(dirname(path));
      await syncFolder(this.#folder);
      return hash;
    }
    const temporary = join(this.#folder, INCOMING, randomBytes(16).toString('hex'));
    try {
      await writeDurably(temporary, content);
      await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
      await rename(temporary, path);
      await syncFolder(dirname(path));
      // Always: another put may have made the folder of this one and not synced it yet.
      await syncFolder(this.#folder);
    } catch (cause) {
      await rm(temporary, { force: true });
      throw writeError(path, cause);
    }
    return hash;
  }

  async get(sha256: string): Promise<Uint8Array> {
    const bytes = await read(this.#path(sha256));
    if (bytes === null) throw missing(sha256);
    if (hashOf(bytes) !== sha256) {
      throw new CordonError('CORDON_OBJECT_CORRUPT', `The object ${sha256} does not match its hash.`);
    }
    return bytes;
  }

  async has(sha256: string): Promise<boolean> {
    if (!HASH.test(sha256)) return false;
    try {
      const file = await open(this.#path(sha256), constants.O_RDONLY | constants.O_NOFOLLOW);
      await file.close();
      return true;
    } catch (cause) {
      if (hasCode(cause, 'ENOENT')) return false;
      throw failed(`look for the object ${sha256}`, cause);
    }
  }

  async delete(sha256: string): Promise<void> {
    const path = this.#path(sha256);
    try {
      await rm(path);
      await syncFolder(dirname(path));
    } catch (cause) {
      if (!hasCode(cause, 'ENOENT')) throw failed(`delete the object ${sha256}`, cause);
    }
  }

  #path(sha256: string): string {
    if (!HASH.test(sha256)) throw missing(sha256);
    return join(this.#folder, sha256.slice(0, 2), sha256);
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function isIntact(path: string, hash: string): Promise<boolean> {
  const bytes = await read(path);
  return bytes !== null && hashOf(bytes) === hash;
}

/** Null where there is no such file. */
async function read(path: string): Promise<Uint8Array | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw failed(`read ${path}`, cause);
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY_FILE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function missing(sha256: string): CordonError {
  return new CordonError(
    'CORDON_OBJECT_MISSING',
    `There is no object ${JSON.stringify(sha256.slice(0, 80))}.`,
  );
}

function writeError(path: string, cause: unknown): CordonError {
  if (!hasCode(cause, 'ENOSPC') && !hasCode(cause, 'EDQUOT')) return failed(`write ${path}`, cause);
  return new CordonError('CORDON_STORE_FULL', `Cannot write ${path}: the disk is full.`, { cause });
}

function failed(what: string, cause: unknown): CordonError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CordonError('CORDON_STORE_FAILED', `Cannot ${what}: ${message}.`, { cause });
}
