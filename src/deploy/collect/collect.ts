import { readFile, realpath } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { context, type BuildContext, type Metafile } from 'esbuild';
import { CordonError } from '../../contract/index.ts';
import { manifestFiles, parseManifest, type Manifest } from '../../manifest/index.ts';
import { ARCHIVE_HEAD, type ArchiveHead } from '../archive-format.ts';
import { buildError, messagesOf, missingFile } from '../build-errors.ts';
import { bundleOptions } from '../bundle-settings.ts';
import { chooseBase } from './base.ts';
import { PackageFiles } from './package-files.ts';
import { findLinks } from './links.ts';
import { packFiles } from './pack.ts';

const MANIFEST = 'cordon.jsonc';

export interface Collected {
  readonly manifest: Manifest;
  /** Source archive for the control API: a tar, the same bytes for the same files. */
  readonly archive: Uint8Array;
  /** Files in the archive, relative to its base. */
  readonly files: readonly string[];
  /** Absolute paths of the files that the archive was made from, to watch for changes. */
  readonly sources: readonly string[];
}

/** Collects again and again, only re-reading what changed, for `cordon dev`. */
export interface Collector {
  /** Errors: as `collect`. After an error it can be called again. */
  collect(): Promise<Collected>;
  /** Lets go of esbuild. */
  close(): Promise<void>;
}

/**
 * Collects the app in `folder`.
 * Errors: CORDON_MANIFEST_MISSING, …_SYNTAX, …_INVALID, …_FILE, CORDON_ENTRY_MISSING, CORDON_IMPORT_MISSING,
 * CORDON_BUNDLE_FAILED (details.problems with file, line, column and code frame), CORDON_SOURCE_TOO_LARGE,
 * CORDON_ARCHIVE_REFUSED for file names that no archive may hold.
 */
export async function collect(folder: string): Promise<Collected> {
  const collector = createCollector(folder);
  try {
    return await collector.collect();
  } finally {
    await collector.close();
  }
}

export function createCollector(folder: string): Collector {
  const graph = new ImportGraph();
  const packages = new PackageFiles();
  return {
    async collect() {
      const app = await realpath(folder).catch(() => resolve(folder));
      const manifest = parseManifest(await readManifest(app), { file: MANIFEST });
      const metafile = await graph.build(app, [...new Set(manifest.functions.map((fn) => fn.entry))]);
      return gather(app, manifest, metafile, packages);
    },
    close: () => graph.close(),
  };
}

async function readManifest(app: string): Promise<string> {
  try {
    return await readFile(join(app, MANIFEST), 'utf8');
  } catch (cause) {
    throw new CordonError('CORDON_MANIFEST_MISSING', `There is no ${MANIFEST} in ${app}.`, { cause });
  }
}

/** The imports of all entries together, kept incremental by one esbuild context. */
class ImportGraph {
  #context: BuildContext<ReturnType<typeof graphOptions>> | null = null;
  #key = '';

  /** Errors: CORDON_ENTRY_MISSING, CORDON_IMPORT_MISSING, CORDON_BUNDLE_FAILED. */
  async build(app: string, entries: readonly string[]): Promise<Metafile> {
    const key = [app, ...entries].join('\0');
    if (this.#context === null || this.#key !== key) {
      await this.close();
      this.#context = await context(graphOptions(app, entries));
      this.#key = key;
    }
    try {
      return (await this.#context.rebuild()).metafile;
    } catch (thrown) {
      const messages = messagesOf(thrown);
      if (messages === null) throw thrown;
      throw buildError(messages, { root: app, app: '' });
    }
  }

  async close(): Promise<void> {
    await this.#context?.dispose();
    this.#context = null;
  }
}

function graphOptions(app: string, entries: readonly string[]) {
  // As a module, top-level await is not an error; the output is not used.
  const options = bundleOptions({ root: app, entries, format: 'module', readWasm: null, readable: true });
  return {
    ...options,
    metafile: true as const,
    sourcemap: false as const,
  };
}

async function gather(
  app: string,
  manifest: Manifest,
  metafile: Metafile,
  packages: PackageFiles,
): Promise<Collected> {
  const inputs = inputFiles(metafile).map((input) => resolve(app, input));
  const links = await findLinks(app, metafile);
  const base = chooseBase(app, inputs, links);
  const sources = [
    ...new Set([
      join(app, MANIFEST),
      ...manifestFiles(manifest).map((name) => join(app, name)),
      ...inputs,
      ...(await packages.around(app, base, inputs)),
    ]),
  ];
  const contents = new Map<string, Uint8Array>();
  await inBatches(sources, async (source) => {
    contents.set(relative(base, source), await readSource(app, source));
  });
  if (base !== app || links.size > 0) {
    const head: ArchiveHead = {
      version: 1,
      app: relative(base, app),
      links: Object.fromEntries(
        [...links]
          .map(([link, target]) => [relative(base, link), relative(base, target)] as const)
          .toSorted(byFirst),
      ),
    };
    contents.set(ARCHIVE_HEAD, Buffer.from(`${JSON.stringify(head, null, 2)}\n`));
  }
  return { manifest, archive: await packFiles(contents), files: [...contents.keys()].toSorted(), sources };
}

/** Errors: CORDON_MANIFEST_FILE; everything else was just read by the bundler. */
async function readSource(app: string, source: string): Promise<Uint8Array> {
  try {
    return await readFile(source);
  } catch (cause) {
    throw missingFile(relative(app, source), cause);
  }
}

/** Input files of a build; names in angle brackets are esbuild's own. */
function inputFiles(metafile: Metafile): string[] {
  return Object.keys(metafile.inputs)
    .filter((input) => !input.startsWith('<'))
    .map((input) => input.replace(/^\(disabled\):/, ''));
}

const READS_AT_ONCE = 64;

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let index = 0; index < items.length; index += READS_AT_ONCE) {
    await Promise.all(items.slice(index, index + READS_AT_ONCE).map(work));
  }
}

function byFirst(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}
