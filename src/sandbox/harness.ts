import { join } from 'node:path';
import { build } from 'esbuild';

const ENTRY = join(import.meta.dirname, '..', 'guest', 'main.ts');

/** Bundles the guest's side to one ES module. Errors: those of esbuild. */
export async function buildHarness(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'esnext',
    external: ['node:*'],
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('The harness was bundled to nothing.');
  return file.text;
}
