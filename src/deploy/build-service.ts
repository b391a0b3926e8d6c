import { chmod, chown, mkdir, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as esbuild from 'esbuild';
import { CordonError, LIMITS } from '../contract/index.ts';
import { confinedTool, toolUserId } from '../sandbox/index.ts';
import { messagesOf } from './build-errors.ts';
import type { bundleOptions } from './bundle-settings.ts';

type Esbuild = typeof esbuild;

/** Where the service sees the sources when it is confined. */
const CONFINED_SOURCES = '/src';

export interface BuildServiceOptions {
  /** Folder of this service alone; made if it is missing. Where the host is root, other users must be able to enter the folders around it. */
  readonly folder: string;
  /** False where there is no sandbox: esbuild runs as a plain process then. */
  readonly confines: boolean;
}

/**
 * esbuild as a long-lived process that reads sources in a sandbox and writes nothing. One tree of sources is
 * visible to it at a time, so that no build can import, list or time the sources of another.
 */
export class BuildService {
  readonly #options: BuildServiceOptions;
  readonly #sources: string;
  #library: Esbuild | null = null;
  #wrapper: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BuildServiceOptions) {
    this.#options = options;
    this.#sources = join(options.folder, 'sources');
  }

  /**
   * Makes `staging` visible while `work` runs; others wait for their turn. `root` is its folder as esbuild
   * sees it, `toHost` turns a path that esbuild names into one of the host, or throws.
   */
  withSources<T>(
    staging: string,
    id: string,
    work: (root: string, toHost: (path: string) => string) => Promise<T>,
  ): Promise<T> {
    const run = async (): Promise<T> => {
      await this.#prepare();
      const visible = join(this.#sources, id);
      const root = !this.#options.confines ? visible : `${CONFINED_SOURCES}/${id}`;
      await rename(staging, visible);
      try {
        return await work(root, (path) => {
          const inside = path.startsWith(`${root}/`) && !path.split('/').includes('..');
          if (!inside) throw new CordonError('CORDON_INTERNAL', `esbuild named a file outside of ${root}.`);
          return join(visible, path.slice(root.length));
        });
      } finally {
        await rename(visible, staging);
      }
    };
    const mine = this.#turn.then(run, run);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /**
   * One build. After `timeoutMs` the process is killed, and the next build starts a new one.
   * Errors: esbuild's own failures as they are, CORDON_BUNDLE_FAILED at the timeout, CORDON_INTERNAL when the process ended.
   */
  async build(options: ReturnType<typeof bundleOptions>, timeoutMs: number) {
    const library = (this.#library ??= await this.#load());
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      timeout.reject(
        new CordonError('CORDON_BUNDLE_FAILED', `The code could not be bundled within ${timeoutMs} ms.`, {
          details: { timeoutMs },
        }),
      );
    }, timeoutMs);
    try {
      return await Promise.race([library.build(options), timeout.promise]);
    } catch (thrown) {
      if (messagesOf(thrown) !== null) throw thrown;
      await this.close();
      throw thrown instanceof CordonError
        ? thrown
        : new CordonError('CORDON_INTERNAL', 'The bundler ended.', { cause: thrown });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills the process. A later build starts a new one. */
  async close(): Promise<void> {
    const library = this.#library;
    this.#library = null;
    await library?.stop();
  }

  async #load(): Promise<Esbuild> {
    const require = createRequire(import.meta.url);
    const executable = require.resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`);
    if (!this.#options.confines) return loadEsbuild(require, executable);
    await this.#prepare();
    return loadEsbuild(require, (this.#wrapper ??= await this.#writeWrapper(executable)));
  }

  /** Once for all starts of the process, which share one bound on memory. */
  async #writeWrapper(executable: string): Promise<string> {
    const command = confinedTool({
      binary: executable,
      readOnly: [{ host: this.#sources, guest: CONFINED_SOURCES }],
      memoryBytesMax: LIMITS.buildMemoryBytesMax.value,
    });
    const wrapper = join(this.#options.folder, 'esbuild');
    await writeFile(wrapper, `#!/bin/sh\nexec ${command.map(quote).join(' ')} "$@"\n`);
    await chmod(wrapper, 0o700);
    return wrapper;
  }

  /** Only root and the user of the tool may look into the sources. */
  async #prepare(): Promise<void> {
    await mkdir(this.#sources, { recursive: true });
    if (process.getuid?.() !== 0) return;
    await chown(this.#sources, 0, toolUserId());
    await chmod(this.#sources, 0o750);
    await chmod(this.#options.folder, 0o711);
  }
}

/**
 * Loads a copy of the library that starts `executable`. The library reads the path from the environment when
 * it is loaded and keeps one process for ever, so that each service needs a copy of its own.
 */
function loadEsbuild(require: NodeJS.Require, executable: string): Esbuild {
  const path = require.resolve('esbuild');
  const cached = require.cache[path];
  const before = process.env['ESBUILD_BINARY_PATH'];
  delete require.cache[path];
  process.env['ESBUILD_BINARY_PATH'] = executable;
  try {
    return require(path) as Esbuild;
  } finally {
    if (before === undefined) delete process.env['ESBUILD_BINARY_PATH'];
    else process.env['ESBUILD_BINARY_PATH'] = before;
    if (cached === undefined) delete require.cache[path];
    else require.cache[path] = cached;
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
