import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Problem } from './protocol.ts';

// Result codes of SQLite, https://sqlite.org/rescode.html
const SQLITE_FULL = 13;
const SQLITE_CONSTRAINT_ROWID = 2579;
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555;
const SQLITE_CONSTRAINT_UNIQUE = 2067;
const SQLITE_IOERR = 10;
const SQLITE_CANTOPEN = 14;
const SQLITE_IOERR_FSYNC = 1034;
const SQLITE_IOERR_DIR_FSYNC = 1290;

const CONFLICTS = new Set([SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE]);
/** Free bytes under which an I/O error is taken for a full disk: SQLite does not always keep the reason apart. */
const FREE_BYTES_MIN = 64 * 1024;

/** Thrown inside a transaction whose write changed another number of rows than it had to. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** What an error of SQLite means for the caller of the store. `file` is the database. */
export function problemOf(error: unknown, file: string): Problem {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof ConflictError) return { code: 'CORDON_STORE_CONFLICT', message };
  const result = resultCodeOf(error);
  if (CONFLICTS.has(result)) return { code: 'CORDON_STORE_CONFLICT', message };
  if (isFull(result, file)) {
    return { code: 'CORDON_STORE_FULL', message: `Cannot write ${file}: the disk is full (${message}).` };
  }
  return { code: 'CORDON_STORE_FAILED', message: `Cannot work on ${file}: ${message}.` };
}

/** True after a failed fsync: what the kernel dropped it will not write again, so nothing may build on it. */
export function isFsyncFailure(error: unknown): boolean {
  const result = resultCodeOf(error);
  return result === SQLITE_IOERR_FSYNC || result === SQLITE_IOERR_DIR_FSYNC;
}

function resultCodeOf(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error)) return -1;
  return typeof error.errcode === 'number' ? error.errcode : -1;
}

function isFull(result: number, file: string): boolean {
  if (result === SQLITE_FULL) return true;
  const primary = result & 0xff;
  if (primary !== SQLITE_IOERR && primary !== SQLITE_CANTOPEN) return false;
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize < FREE_BYTES_MIN;
  } catch {
    return false;
  }
}
