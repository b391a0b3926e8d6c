import { join } from 'node:path';
import { build } from 'esbuild';

const ENTRY = join(import.meta.dirname, 'guest', 'main.ts');

/** Bundles the inspecting code to one script, as the code of a function is. Errors: those of esbuild. */
export async function buildInspectionBundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'esnext',
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('The inspecting code was bundled to nothing.');
  return file.contents;
}
