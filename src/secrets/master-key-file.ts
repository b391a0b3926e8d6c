import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder } from '../store/index.ts';
import { openFileKeyWrapper, type FileKeyOptions, type KeyWrapper } from '../vault/index.ts';

/** The file of the master key, and how it is exchanged for a new one. */
export interface MasterKeyFile {
  readonly wrapper: KeyWrapper;
  /** Keys that wrap data keys too, where a change was interrupted. */
  readonly previousWrappers: readonly KeyWrapper[];
  /** The key to change to: a new one, or that of a change that was interrupted. It lies beside the file, as `.next`. */
  readonly next: () => Promise<KeyWrapper>;
  /** Puts it in place of the old one, which is kept as `.previous`. Returns what the operator should know. */
  readonly adopt: () => Promise<string>;
}

/** Errors: as `openFileKeyWrapper`. */
export function openMasterKeyFile({ path, create }: FileKeyOptions): MasterKeyFile {
  const nextPath = `${path}.next`;
  const wrapper = openFileKeyWrapper({ path, create });
  const previousWrappers = existsSync(nextPath)
    ? [openFileKeyWrapper({ path: nextPath, create: false })]
    : [];
  return {
    wrapper,
    previousWrappers,
    next: async () => openFileKeyWrapper({ path: nextPath, create: true }),
    async adopt() {
      const oldPath = `${path}.previous`;
      rmSync(oldPath, { force: true });
      linkSync(path, oldPath);
      renameSync(nextPath, path);
      syncFolder(dirname(path));
      return (
        `${path} holds the new master key: keep a copy of it elsewhere. ` +
        `Backups made until now need the old one, which is kept in ${oldPath}.`
      );
    },
  };
}
