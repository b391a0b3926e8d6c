import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CordonError, LIMITS } from '../contract/index.ts';
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

/** The same with the texts of the files that the manifest names. Errors besides: CORDON_MANIFEST_FILE. */
export async function manifestWithFilesIn(cwd: string, folder: string): Promise<Manifest> {
  const manifest = await manifestIn(cwd, folder);
  const { manifestFiles, withFiles } = await import('../manifest/index.ts');
  const texts: [string, string][] = [];
  for (const name of manifestFiles(manifest)) {
    const bytes = await readFile(join(resolve(cwd, folder), name)).catch((cause: unknown) => {
      throw fileError(name, 'cannot be read', cause);
    });
    if (bytes.byteLength > LIMITS.manifestFileBytesMax.value)
      throw fileError(name, 'is too large', undefined);
    if (!isUtf8(bytes)) throw fileError(name, 'is not text in UTF-8', undefined);
    texts.push([name, bytes.toString()]);
  }
  return withFiles(manifest, Object.fromEntries(texts));
}

function fileError(name: string, reason: string, cause: unknown): CordonError {
  return new CordonError('CORDON_MANIFEST_FILE', `${MANIFEST} names ${name}, which ${reason}.`, {
    details: { file: name },
    cause,
  });
}

/** The name of the app in a folder. Errors: as `manifestIn`. */
export async function appNameIn(cwd: string, folder: string): Promise<string> {
  return (await manifestIn(cwd, folder)).name;
}
