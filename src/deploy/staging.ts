import { createHash } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { newId } from '../contract/index.ts';

/**
 * Folder for the sources that are being built for a data folder. As root it lies in /run, since the bundler
 * runs as another user, who must not enter the data folder; otherwise it lies in the data folder.
 */
export function stagingFolderFor(dataFolder: string): string {
  if (process.getuid?.() !== 0) return join(dataFolder, 'staging');
  const name = createHash('sha256').update(resolve(dataFolder)).digest('hex').slice(0, 16);
  return join('/run/cordon', name);
}

/** Where archives are unpacked: a folder of random name for each, which is gone when its work is over. */
export class Staging {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the staging area below a folder that this process owns, and removes what an earlier process left. */
  static async open(folder: string): Promise<Staging> {
    await rm(folder, { recursive: true, force: true });
    const made = await mkdir(folder, { recursive: true });
    for (const place of new Set([made ?? folder, folder])) await chmod(place, 0o711);
    const unpacked = join(folder, 'unpacked');
    await mkdir(unpacked, { mode: 0o700 });
    return new Staging(unpacked);
  }

  async with<T>(work: (place: { readonly folder: string; readonly id: string }) => Promise<T>): Promise<T> {
    const id = newId('stg');
    const folder = join(this.#folder, id);
    await mkdir(folder, { mode: 0o755 });
    try {
      return await work({ folder, id });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}
