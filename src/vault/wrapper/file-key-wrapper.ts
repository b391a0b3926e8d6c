import { randomBytes } from 'node:crypto';
import {
  constants,
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import { syncFolder } from '../../store/index.ts';
import { KEY_BYTES } from '../format.ts';
import type { KeyWrapper } from '../port.ts';
import { LocalKeyWrapper, parseMasterKey } from './local-key-wrapper.ts';

const OWNER_ONLY = 0o600;
const OPEN_TO_OTHERS = 0o077;

export interface FileKeyOptions {
  readonly path: string;
  /** Makes the file where there is none. Say so only for a store without data keys. */
  readonly create: boolean;
}

/**
 * The master key in a file of its own, as base64, readable by its owner alone (0600). Keep a copy elsewhere:
 * without it all data is lost.
 * Errors: CORDON_KEY_EXPOSED, CORDON_KEY_INVALID.
 */
export function openFileKeyWrapper({ path, create }: FileKeyOptions): KeyWrapper {
  const text = readKey(path) ?? (create ? makeKey(path) : null);
  if (text === null) {
    throw new CordonError('CORDON_KEY_INVALID', `Cannot use the master key ${path}: there is no such file.`);
  }
  return new LocalKeyWrapper('file', parseMasterKey(text.replace(/\n$/, ''), path));
}

function readKey(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw unusable(path, 'read', cause);
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw unusable(path, 'read', new Error('it is no file'));
    if ((status.mode & OPEN_TO_OTHERS) !== 0 || ![0, process.geteuid?.()].includes(status.uid)) {
      throw new CordonError(
        'CORDON_KEY_EXPOSED',
        `Cannot use the master key ${path}: others than its owner can read it, or another user owns it.`,
      );
    }
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function makeKey(path: string): string {
  const text = `${randomBytes(KEY_BYTES).toString('base64')}\n`;
  const temporary = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = openSync(temporary, 'wx', OWNER_ONLY);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // A link, not a rename: it never takes the place of a key.
    linkSync(temporary, path);
    syncFolder(dirname(path));
    return text;
  } catch (cause) {
    const made = hasCode(cause, 'EEXIST') ? readKey(path) : null;
    if (made === null) throw unusable(path, 'make', cause);
    return made;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function unusable(path: string, verb: string, cause: unknown): CordonError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CordonError('CORDON_KEY_INVALID', `Cannot ${verb} the master key ${path}: ${message}.`, {
    cause,
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
