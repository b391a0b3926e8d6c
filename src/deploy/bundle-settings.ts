import { builtinModules } from 'node:module';
import type { BuildOptions, Plugin } from 'esbuild';

export type BundleFormat = 'script' | 'module';

/** Name of the output beside the sources. Nothing is written; it only makes paths in source maps relative to the root. */
const OUTPUT = '.cordon-bundle';

/** CommonJS dependencies in an ES module still call `require` for builtins; the guest has them here. */
const MODULE_BANNER = 'const require=name=>process.getBuiltinModule(name);';

const BARE_BUILTINS = builtinModules.filter((name) => !name.startsWith('_') && !name.startsWith('node:'));
// A slash at the end asks npm for a package of that name; in a bundle the builtin does as well.
const BUILTIN = new RegExp(`^(?:node:)?(?:${BARE_BUILTINS.map(escape).join('|')})/?$`);

export interface BundleSettings {
  /** Folder of the archive, absolute, as esbuild sees it. */
  readonly root: string;
  /** Entry modules, relative to the root. */
  readonly entries: readonly string[];
  readonly format: BundleFormat;
  /** Reads a `.wasm` file by the absolute path that esbuild sees; null where only the graph of imports matters. */
  readonly readWasm: ((path: string) => Promise<Uint8Array>) | null;
  /** Not minified, for the analysis of what code uses. Default: false. */
  readonly readable?: boolean;
}

/**
 * How functions are bundled, in `cordon dev`, in the client that collects sources and in the server alike:
 * what resolves in one resolves to the same file in the others.
 *
 * Packages that ship builds per platform give the one for workers or Deno. `workerd` is not among the
 * conditions, since such builds import `cloudflare:` modules; `node` is not either, since those builds pull
 * in `node:` modules that a cold start pays for. Names are kept: minifying them would only save bytes.
 */
export function bundleOptions(settings: BundleSettings) {
  const { root, format } = settings;
  return {
    absWorkingDir: root,
    entryPoints: settings.entries.map((entry, index) => ({ in: `./${entry}`, out: `${OUTPUT}-${index}` })),
    outdir: root,
    bundle: true,
    write: false,
    metafile: true,
    format: format === 'script' ? 'cjs' : 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['worker', 'deno', 'module'],
    target: 'esnext',
    // `vm.Script` has no hook for `import()`, so that what is left of it becomes `require`.
    supported: { 'dynamic-import': false },
    jsx: 'automatic',
    minifyWhitespace: settings.readable !== true,
    minifySyntax: settings.readable !== true,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'silent',
    logLimit: 50,
    define: { 'process.env.NODE_ENV': '"production"', 'import.meta.url': '"file:///function.js"' },
    banner: format === 'module' ? { js: MODULE_BANNER } : {},
    plugins: [platformPlugin(settings.readWasm)],
  } satisfies BuildOptions;
}

/** What esbuild cannot be told by options: builtins by any of their names, WebAssembly as modules, and plain refusals. */
function platformPlugin(readWasm: BundleSettings['readWasm']): Plugin {
  return {
    name: 'cordon',
    setup(build) {
      build.onResolve({ filter: BUILTIN }, ({ path }) => ({
        path: `node:${path.replace(/^node:/, '').replace(/\/$/, '')}`,
        external: true,
        sideEffects: false,
      }));
      build.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
      build.onResolve({ filter: /^(?:https?:)?\/\// }, ({ path }) => ({
        errors: [{ text: `Could not resolve "${path}": code is never fetched from a URL` }],
      }));
      build.onLoad({ filter: /\.node$/ }, () => ({
        errors: [
          {
            text: 'Native addons (.node) cannot run in a sandbox; use a WebAssembly or JavaScript build of the package',
          },
        ],
      }));
      build.onLoad({ filter: /\.wasm$/ }, async ({ path }) => {
        const bytes = (await readWasm?.(path)) ?? new Uint8Array();
        const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
        return {
          contents: `export default new WebAssembly.Module(Uint8Array.fromBase64("${base64}"));`,
          loader: 'js',
        };
      });
    },
  };
}

function escape(text: string): string {
  return text.replace(/[/.]/g, '\\$&');
}
