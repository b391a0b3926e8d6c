import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { CordonError } from '../contract/index.ts';

/** Path of the Deno binary that this project brings. */
export function denoBinary(): string {
  const require = createRequire(import.meta.url);
  return join(dirname(require.resolve('@deno/linux-x64-glibc/package.json')), 'deno');
}

/** The guest harness as one ES module. */
export async function buildHarness(): Promise<string> {
  const entry = new URL('../guest/main.ts', import.meta.url).pathname;
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    external: ['node:*'],
    write: false,
    minifyWhitespace: true,
    minifySyntax: true,
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new CordonError('CORDON_INTERNAL', 'The harness could not be bundled.');
  return file.text;
}

export interface RuntimeRoot {
  /** Folder that becomes `/` of a sandbox. */
  readonly path: string;
}

/**
 * Makes the root of all sandboxes, once for each content: libraries, runtime, launcher, harness, and a
 * symlink in place of `/proc/self/exe`. It appears by a rename, so it is never seen half-made.
 */
export function makeRuntimeRoot(options: {
  readonly folder: string;
  readonly harness: string;
  readonly launcher: Uint8Array;
}): RuntimeRoot {
  const deno = denoBinary();
  const { size, mtimeMs } = statSync(deno);
  const libraries = librariesOf(deno);
  const identity = [
    size,
    mtimeMs,
    options.harness,
    ...libraries.map((file) => `${file}:${statSync(file).size}:${statSync(file).mtimeMs}`),
  ];
  const hash = createHash('sha256').update(JSON.stringify(identity)).update(options.launcher).digest('hex');
  const path = join(options.folder, hash.slice(0, 32));
  if (existsSync(path)) return { path };
  const temporary = join(options.folder, `making-${randomBytes(8).toString('hex')}`);
  try {
    fill(temporary, deno, libraries, options);
    renameSync(temporary, path);
  } catch (thrown) {
    rmSync(temporary, { recursive: true, force: true });
    // Another process was faster: its root has the same content.
    if (!existsSync(path)) throw thrown;
  }
  return { path };
}

function fill(
  root: string,
  deno: string,
  libraries: readonly string[],
  options: { readonly harness: string; readonly launcher: Uint8Array },
): void {
  folder(root, 'bin', 'proc/self');
  for (const library of libraries) {
    folder(root, dirname(library));
    copyFileSync(library, join(root, library));
    chmodSync(join(root, library), 0o555);
  }
  const runtime = join(root, 'bin/deno');
  try {
    linkSync(deno, runtime);
  } catch {
    copyFileSync(deno, runtime);
    chmodSync(runtime, 0o555);
  }
  writeFileSync(join(root, 'bin/launcher'), options.launcher, { mode: 0o555 });
  writeFileSync(join(root, 'harness.mjs'), options.harness, { mode: 0o444 });
  symlinkSync('/bin/deno', join(root, 'proc/self/exe'));
}

function folder(root: string, ...paths: string[]): void {
  for (const path of paths) mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
}

/** Shared libraries and the loader that a program needs, as the system's loader resolves them. */
function librariesOf(program: string): string[] {
  const { stdout, status } = spawnSync('ldd', [program], { encoding: 'utf8' });
  if (status !== 0)
    throw new CordonError(
      'CORDON_SANDBOX_UNAVAILABLE',
      'Cannot find the libraries of the runtime: ldd failed.',
    );
  const files = new Set<string>();
  for (const line of stdout.split('\n')) {
    const file = /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1];
    if (file !== undefined) files.add(file);
  }
  return [...files].sort();
}
