import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CordonError } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';

const MANIFEST = 'cordon.jsonc';

/** The source of an app as the control API takes it. */
export interface Source {
  readonly app: string;
  readonly archive: Uint8Array;
}

/** Collects the app in a folder. Errors: those of `collect`. */
export async function collectSource(cwd: string, folder: string): Promise<Source> {
  const { collect } = await import('../deploy/collect/index.ts');
  const { manifest, archive } = await collect(resolve(cwd, folder));
  return { app: manifest.name, archive };
}

/** The manifest of the app in a folder. Errors: CORDON_MANIFEST_MISSING, …_SYNTAX, …_INVALID. */
export async function manifestIn(cwd: string, folder: string): Promise<Manifest> {
  const file = join(resolve(cwd, folder), MANIFEST);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new CordonError('CORDON_MANIFEST_MISSING', `There is no ${MANIFEST} in ${resolve(cwd, folder)}.`, {
      cause,
    });
  }
  const { parseManifest } = await import('../manifest/index.ts');
  return parseManifest(text, { file: MANIFEST });
}

/** The name of the app in a folder. Errors: as `manifestIn`. */
export async function appNameIn(cwd: string, folder: string): Promise<string> {
  return (await manifestIn(cwd, folder)).name;
}
