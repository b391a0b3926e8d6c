import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  mkdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { isRoot } from '../user-ids.ts';

/** Raise it when the layout of the root changes. */
const LAYOUT = 1;
const READABLE = 0o644;
const EXECUTABLE = 0o755;
const TRAVERSABLE_BY_ALL = 0o005;
const LOADER = '/lib64/ld-linux-x86-64.so.2';
/** Exit status of `ld.so --verify` for a file that is not linked dynamically. */
const STATUS_STATIC = 1;
/** A library as the loader lists it: `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`. */
const LIBRARY = /^\s*\S+ => (\/[\w./+-]+) \(0x/gm;
const run = promisify(execFile);

/** Where things are inside of a root. */
export const GUEST_PATHS = {
  runtime: '/bin/deno',
  launcher: '/bin/launcher',
  harness: '/harness.js',
} as const;

export interface RuntimeRootOptions {
  /** Folder of all roots; made if it is missing. */
  readonly directory: string;
  /** The runtime on the host. */
  readonly binary: { readonly path: string; readonly version: string };
  /** ELF file. */
  readonly launcher: Buffer;
  /** JavaScript. */
  readonly harness: string;
}

/**
 * The folder that every sandbox has as its root, read-only: the runtime, the libraries it needs, the launcher
 * and the harness. It is named by what is in it and appears at once or not at all, so that several
 * servers can share it. Returns its path. Errors: those of the file system; folders that others cannot enter.
 */
export async function makeRuntimeRoot(options: RuntimeRootOptions): Promise<string> {
  const libraries = await librariesOf(options.binary.path);
  const root = join(options.directory, await nameOf(options, libraries));
  await mkdir(options.directory, { recursive: true, mode: EXECUTABLE });
  await checkReachable(options.directory);
  if (await exists(root)) return root;
  const draft = join(options.directory, `.draft-${randomBytes(8).toString('hex')}`);
  try {
    await fill(draft, options, libraries);
    await rename(draft, root);
  } catch (thrown) {
    await rm(draft, { recursive: true, force: true });
    // Another server was faster; the name says that it made the same.
    if (!(await exists(root))) throw thrown;
  }
  return root;
}

/** Libraries of a program, the loader first; none when it is static. */
async function librariesOf(binary: string): Promise<string[]> {
  if (!(await isDynamic(binary))) return [];
  const { stdout } = await run(LOADER, ['--list', binary], { env: {} });
  return [LOADER, ...[...stdout.matchAll(LIBRARY)].flatMap(([, path]) => (path === undefined ? [] : [path]))];
}

/** Asks the loader, which ends with a status of its own for static programs and crashes when told to list them. */
async function isDynamic(binary: string): Promise<boolean> {
  try {
    await run(LOADER, ['--verify', binary], { env: {} });
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === STATUS_STATIC) return false;
    throw thrown;
  }
}

/** The binary is known by its size, time and version: reading 95 MB would cost most of a start. */
async function nameOf(options: RuntimeRootOptions, libraries: readonly string[]): Promise<string> {
  const { binary, launcher, harness } = options;
  const hash = createHash('sha256').update(JSON.stringify([LAYOUT, binary.version]));
  for (const file of [binary.path, ...libraries]) {
    const { size, mtimeMs } = await stat(file);
    hash.update(JSON.stringify([file, size, mtimeMs]));
  }
  return hash.update(launcher).update('\0').update(harness).digest('hex').slice(0, 32);
}

async function fill(draft: string, options: RuntimeRootOptions, libraries: readonly string[]): Promise<void> {
  const folders = new Set(['/bin', '/proc/self', ...libraries.map((path) => dirname(path))]);
  for (const folder of folders) await mkdir(join(draft, folder), { recursive: true });
  await place(options.binary.path, join(draft, GUEST_PATHS.runtime));
  for (const library of libraries) {
    await copyFile(library, join(draft, library));
    await chmod(join(draft, library), EXECUTABLE);
  }
  await writeFile(join(draft, GUEST_PATHS.launcher), options.launcher, { mode: EXECUTABLE });
  await writeFile(join(draft, GUEST_PATHS.harness), options.harness, { mode: READABLE });
  // The runtime asks where it is; without procfs a plain link has to answer.
  await symlink(GUEST_PATHS.runtime, join(draft, '/proc/self/exe'));
  await openFolders(draft, folders);
}

/** Modes again, because the umask of the process may have taken bits away. */
async function openFolders(draft: string, folders: Iterable<string>): Promise<void> {
  await chmod(draft, EXECUTABLE);
  for (const folder of folders) {
    for (let path = folder; path !== '/'; path = dirname(path)) await chmod(join(draft, path), EXECUTABLE);
  }
  await chmod(join(draft, GUEST_PATHS.launcher), EXECUTABLE);
  await chmod(join(draft, GUEST_PATHS.harness), READABLE);
}

/** A second name for the file where that is possible: all roots then share its pages in memory. */
async function place(from: string, to: string): Promise<void> {
  try {
    const { mode } = await stat(from);
    if ((mode & TRAVERSABLE_BY_ALL) !== TRAVERSABLE_BY_ALL) throw new Error('not readable by all');
    await link(from, to);
  } catch {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, EXECUTABLE);
  }
}

/** Sandboxes run as users of their own when the host is root: each folder on the way has to let them pass. */
async function checkReachable(directory: string): Promise<void> {
  if (!isRoot()) return;
  for (let path = resolve(directory); ; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) === 0)
      throw new Error(`Sandboxes cannot enter ${path}: its mode does not let other users pass.`);
    if (path === dirname(path)) return;
  }
}

async function exists(root: string): Promise<boolean> {
  try {
    return (await readlink(join(root, '/proc/self/exe'))) === GUEST_PATHS.runtime;
  } catch {
    return false;
  }
}
