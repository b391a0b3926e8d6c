import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { CordonError } from '../../contract/index.ts';
import type { Manifest } from '../../manifest/index.ts';
import { buildError, messagesOf } from '../build-errors.ts';
import { bundleOptions } from '../bundle-settings.ts';

/** An entry module with all that it imports, as one ES module that can be read. */
export interface ReadableBundle {
  readonly code: string;
  /** Sources are relative to the app folder. */
  readonly sourceMap: object;
}

/**
 * Bundles the entry modules of the app in `folder` for the analysis of what they use, by entry; as the server
 * does before it accepts a deployment. Errors: CORDON_ENTRY_MISSING, CORDON_IMPORT_MISSING, CORDON_BUNDLE_FAILED.
 */
export async function bundleReadable(
  folder: string,
  manifest: Manifest,
): Promise<Map<string, ReadableBundle>> {
  const app = await realpath(folder).catch(() => resolve(folder));
  const bundles = new Map<string, ReadableBundle>();
  for (const entry of new Set(manifest.functions.map((fn) => fn.entry))) {
    bundles.set(entry, await bundleOne(app, entry));
  }
  return bundles;
}

async function bundleOne(root: string, entry: string): Promise<ReadableBundle> {
  const options = bundleOptions({ root, entries: [entry], format: 'module', readWasm: null, readable: true });
  try {
    const { outputFiles } = await build(options);
    const code = outputFiles.find((file) => file.path.endsWith('.js'))?.text;
    const sourceMap = outputFiles.find((file) => file.path.endsWith('.js.map'))?.text;
    if (code === undefined || sourceMap === undefined)
      throw new CordonError('CORDON_INTERNAL', 'The bundler gave no output.');
    return { code, sourceMap: JSON.parse(sourceMap) as object };
  } catch (thrown) {
    const messages = messagesOf(thrown);
    if (messages === null) throw thrown;
    throw buildError(messages, { root, app: '' });
  }
}
