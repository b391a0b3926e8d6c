import type { Manifest } from '../manifest/index.ts';

/** Types of `env`, made from the manifest. */
export const TYPES_FILE = 'cordon.d.ts';
/** The schema by which an editor completes and checks cordon.jsonc; the one of the Cordon that wrote it. */
export const SCHEMA_FILE = '.cordon/cordon.schema.json';

/** The files of an app that Cordon makes: path below its folder, and text. */
export async function generatedFiles(manifest: Manifest): Promise<[string, string][]> {
  const { manifestJsonSchema, typesOf } = await import('../manifest/index.ts');
  return [
    [TYPES_FILE, typesOf(manifest)],
    [SCHEMA_FILE, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`],
  ];
}
