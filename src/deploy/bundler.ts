import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { buildError, messagesOf, needsModuleFormat, outsideError } from './build-errors.ts';
import type { BuildService } from './build-service.ts';
import { bundleOptions, type BundleFormat } from './bundle-settings.ts';

/** One entry module with all that it imports, in one file. */
export interface Bundle {
  readonly format: BundleFormat;
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array;
  readonly warnings: readonly string[];
}

export interface Sources {
  /** Folder of the unpacked archive. It is moved while it is bundled, and back. */
  readonly folder: string;
  /** Random name that it is bundled under. */
  readonly id: string;
  /** App folder relative to `folder`; empty for the folder itself. */
  readonly app: string;
}

export interface BundleLimits {
  /** Largest bundle, in bytes. Default: `bundleBytesMax`. */
  readonly bundleBytesMax?: number;
  /** Longest build of one entry, in ms. Default: `buildTimeoutMs`. */
  readonly buildTimeoutMs?: number;
}

/**
 * Bundles every entry module of an app: by entry, as functions may share one. The same sources give the same bytes.
 * Errors: CORDON_ENTRY_MISSING, CORDON_IMPORT_MISSING, CORDON_BUNDLE_FAILED, CORDON_BUNDLE_TOO_LARGE.
 */
export function bundleApp(
  service: BuildService,
  sources: Sources,
  manifest: Manifest,
  limits: BundleLimits = {},
): Promise<Map<string, Bundle>> {
  return service.withSources(sources.folder, sources.id, async (root, toHost) => {
    const bundles = new Map<string, Bundle>();
    for (const { entry } of manifest.functions) {
      if (bundles.has(entry)) continue;
      const build: Build = { service, root, toHost, app: sources.app, entry, limits };
      bundles.set(entry, await bundleEntry(build));
    }
    return bundles;
  });
}

/** An entry module with all that it imports as it is analysed. */
export interface AnalysisBundle {
  /** An ES module. */
  readonly code: string;
  readonly sourceMap: object;
}

/** Bundles entry modules for analysis. Errors: as `bundleApp`. */
export function bundleForAnalysis(
  service: BuildService,
  sources: Sources,
  entries: Iterable<string>,
  limits: BundleLimits = {},
): Promise<Map<string, AnalysisBundle>> {
  return service.withSources(sources.folder, sources.id, async (root, toHost) => {
    const bundles = new Map<string, AnalysisBundle>();
    for (const entry of new Set(entries)) {
      const build: Build = { service, root, toHost, app: sources.app, entry, limits };
      const { code, sourceMap } = await runBuild(
        bundleOptions({ ...settingsOf(build), format: 'module', readable: true }),
        build,
      );
      const text = new TextDecoder();
      bundles.set(entry, {
        code: text.decode(code),
        sourceMap: JSON.parse(text.decode(sourceMap)) as object,
      });
    }
    return bundles;
  });
}

interface Build {
  readonly service: BuildService;
  readonly root: string;
  readonly toHost: (path: string) => string;
  readonly app: string;
  readonly entry: string;
  readonly limits: BundleLimits;
}

async function bundleEntry(build: Build): Promise<Bundle> {
  try {
    return await buildAs('script', build);
  } catch (thrown) {
    const messages = messagesOf(thrown);
    if (messages === null) throw thrown;
    if (!needsModuleFormat(messages)) throw buildError(messages, build);
  }
  try {
    return await buildAs('module', build);
  } catch (thrown) {
    const messages = messagesOf(thrown);
    throw messages === null ? thrown : buildError(messages, build);
  }
}

async function buildAs(format: BundleFormat, build: Build): Promise<Bundle> {
  const { code, sourceMap, result } = await runBuild(bundleOptions({ ...settingsOf(build), format }), build);
  const bytesMax = build.limits.bundleBytesMax ?? LIMITS.bundleBytesMax.value;
  if (code.byteLength > bytesMax) throw tooLarge(build.entry, code.byteLength, bytesMax, result.metafile);
  const warnings = result.warnings.map(({ text, location }) =>
    location === null ? text : `${location.file}:${location.line}: ${text}`,
  );
  return { format, code, sourceMap, warnings };
}

function settingsOf({ root, app, entry, toHost }: Build) {
  return {
    root,
    entries: [app === '' ? entry : `${app}/${entry}`],
    readWasm: (path: string) => readPlainFile(toHost(path)),
  };
}

async function runBuild(options: ReturnType<typeof bundleOptions>, { service, root, limits }: Build) {
  const result = await service.build(options, limits.buildTimeoutMs ?? LIMITS.buildTimeoutMs.value);
  refuseOutside(root, result.metafile);
  const code = result.outputFiles.find((file) => file.path.endsWith('.js'))?.contents;
  const sourceMap = result.outputFiles.find((file) => file.path.endsWith('.js.map'))?.contents;
  if (code === undefined || sourceMap === undefined)
    throw new CordonError('CORDON_INTERNAL', 'The bundler gave no output.');
  return { code, sourceMap, result };
}

/** No file but those of the same deployment may end up in a bundle, whatever the sandbox let esbuild see. */
function refuseOutside(root: string, metafile: Metafile): void {
  for (const input of Object.keys(metafile.inputs)) {
    const path = resolve(root, input.replace(/^\(disabled\):/, ''));
    if (!path.startsWith(`${root}/`)) throw outsideError(input);
  }
}

/** Reads a file that is reached without any link. */
async function readPlainFile(path: string): Promise<Uint8Array> {
  if ((await realpath(path)) !== path)
    throw new CordonError('CORDON_ARCHIVE_REFUSED', 'A WebAssembly file is a link.');
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

const LARGEST_SHOWN = 3;

function tooLarge(entry: string, bytes: number, bytesMax: number, metafile: Metafile): CordonError {
  const shares = new Map<string, number>();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const owner = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? input;
      shares.set(owner, (shares.get(owner) ?? 0) + bytesInOutput);
    }
  }
  const largest = [...shares].toSorted(([, a], [, b]) => b - a).slice(0, LARGEST_SHOWN);
  const shown = largest.map(([owner, size]) => `${owner} (${size} bytes)`).join(', ');
  return new CordonError(
    'CORDON_BUNDLE_TOO_LARGE',
    `The bundle of ${entry} has ${bytes} bytes; at most ${bytesMax} can be deployed. Largest: ${shown}.`,
    { details: { entry, bytes, bytesMax, largest: Object.fromEntries(largest) } },
  );
}
