import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CordonError } from '../contract/index.ts';
import { syncFolder } from './sync-folder.ts';

/** Layout of the folder. A change that an older Cordon would misread raises it. */
const FORMAT = 1;
const FORMAT_FILE = 'format';
const FORMAT_TEXT = /^[1-9]\d{0,8}\n$/;
const LOCK_FILE = 'lock';
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;
const WRITABLE_BY_OTHERS = 0o022;
const SQLITE_BUSY = 5;

/** A data folder that this process owns. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** Database file of the store. */
  readonly storePath: string;
  /** Folder of the objects. */
  readonly objectsPath: string;
  /** Lets another process have it. Close what works in it first. */
  close(): void;
}

// A lock that is collected is a lock that is lost.
const locks = new Set<DatabaseSync>();

/**
 * Takes the data folder for this process and makes it (0700) where there is none. The lock is the kernel's,
 * on an SQLite file: it ends with the process however that ends, and children do not inherit it.
 * Errors: CORDON_DATA_UNWRITABLE, CORDON_DATA_EXPOSED, CORDON_DATA_LOCKED, CORDON_DATA_NEWER, CORDON_STORE_FULL.
 */
export function openDataFolder(path: string): DataFolder {
  const folder = resolve(path);
  const lock = writing(folder, () => {
    makeFolder(folder);
    return takeLock(folder);
  });
  try {
    writing(folder, () => checkFormat(folder));
  } catch (error) {
    release(lock);
    throw error;
  }
  return {
    path: folder,
    storePath: join(folder, 'cordon.db'),
    objectsPath: join(folder, 'objects'),
    close: () => release(lock),
  };
}

function makeFolder(folder: string): void {
  makeFolders(folder);
  if ((statSync(folder).mode & WRITABLE_BY_OTHERS) !== 0) {
    throw new CordonError(
      'CORDON_DATA_EXPOSED',
      `Cannot use ${folder}: other users of this machine can write there.`,
    );
  }
}

/** One folder at a time: told to make the parents too, Node never returns where a file system takes no folders. */
function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let place = folder; !existsSync(place) && place !== dirname(place); place = dirname(place))
    missing.push(place);
  for (const place of missing.reverse()) {
    try {
      mkdirSync(place, OWNER_ONLY_FOLDER);
    } catch (error) {
      // Somebody else made it.
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    syncFolder(dirname(place));
  }
}

function takeLock(folder: string): DatabaseSync {
  const file = join(folder, LOCK_FILE);
  closeSync(openSync(file, 'a', OWNER_ONLY_FILE));
  const lock = new DatabaseSync(file);
  try {
    // Nothing is ever written: the open transaction is the lock.
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if (!hasResult(cause, SQLITE_BUSY)) throw cause;
    throw new CordonError('CORDON_DATA_LOCKED', `Cannot use ${folder}: another server uses it.`, { cause });
  }
  locks.add(lock);
  return lock;
}

function release(lock: DatabaseSync): void {
  if (locks.delete(lock)) lock.close();
}

function checkFormat(folder: string): void {
  const file = join(folder, FORMAT_FILE);
  const text = readFormat(file);
  if (text === null) {
    writeFormat(folder, file);
    return;
  }
  if (!FORMAT_TEXT.test(text)) {
    throw new CordonError('CORDON_STORE_FAILED', `Cannot use ${folder}: ${file} is damaged.`);
  }
  if (Number(text) > FORMAT) {
    throw new CordonError(
      'CORDON_DATA_NEWER',
      `Cannot use ${folder}: it has format ${text.trim()}, and this version of Cordon knows ${FORMAT}.`,
    );
  }
}

function readFormat(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function writeFormat(folder: string, file: string): void {
  const temporary = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const descriptor = openSync(temporary, 'wx', OWNER_ONLY_FILE);
    try {
      writeSync(descriptor, `${FORMAT}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(folder);
}

function writing<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof CordonError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const isFull = hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT');
    throw new CordonError(
      isFull ? 'CORDON_STORE_FULL' : 'CORDON_DATA_UNWRITABLE',
      `Cannot write the data folder ${folder}: ${message}.`,
      { cause },
    );
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function hasResult(error: unknown, result: number): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === result;
}
