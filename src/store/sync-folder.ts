import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the names in a folder durable: after a file in it was made, renamed or removed. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
