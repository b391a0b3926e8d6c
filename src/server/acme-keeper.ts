import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcmeKeeper } from '../transport/index.ts';
import type { TextSealer } from '../vault/index.ts';

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;

/** Keeps the account and the certificate of ACME in a folder, sealed under the keys of the project. */
export function sealedKeeper(folder: string, sealer: TextSealer): AcmeKeeper {
  const path = (name: string): string => join(folder, `${name}.sealed`);
  return {
    async read(name) {
      const sealed = await readFile(path(name)).catch(() => null);
      if (sealed === null) return null;
      // A key that was destroyed takes the account with it: another one is made.
      return Promise.resolve(sealer.open(placeOf(name), sealed)).catch(() => null);
    },
    async write(name, text) {
      await mkdir(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
      const fresh = `${path(name)}.${process.pid}`;
      await writeFile(fresh, await sealer.seal(placeOf(name), text), { mode: OWNER_ONLY_FILE });
      await rename(fresh, path(name));
    },
  };
}

function placeOf(name: string): string {
  return `tls/${name}`;
}
