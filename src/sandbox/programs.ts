import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

/** Absolute path of a program of the system, null when there is none. PATH is not asked: it may be anyone's. */
export function findProgram(name: string): string | null {
  for (const folder of FOLDERS) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}

/** As `findProgram`. Errors: it is missing. */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`The program ${name} is missing.`);
  return path;
}
