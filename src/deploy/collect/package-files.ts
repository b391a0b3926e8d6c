import { lstat, readdir, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { parse } from 'jsonc-parser';
import { isBelow } from './base.ts';

const LOCKFILES = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'];
const EXTENDS_MAX = 16;
const FOLDERS_PER_PACKAGE_MAX = 5000;

/**
 * Files that no code imports but that decide how imports resolve and code compiles: package.json and
 * tsconfig.json around the inputs, and the lockfile. Packages are remembered, as they do not change while
 * a watcher runs.
 */
export class PackageFiles {
  readonly #packages = new Map<string, Promise<string[]>>();

  /** Absolute paths. `base` holds `app` and all of `inputs`. */
  async around(app: string, base: string, inputs: readonly string[]): Promise<string[]> {
    const folders = new Set<string>([app]);
    const packages = new Set<string>();
    for (const input of [...inputs, join(app, 'cordon.jsonc')]) {
      const owner = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (owner !== undefined) packages.add(owner);
      for (let folder = dirname(input); !folders.has(folder); folder = dirname(folder)) {
        folders.add(folder);
        if (folder === base) break;
      }
    }
    folders.add(base);
    const candidates = [...folders].flatMap((folder) => [
      join(folder, 'package.json'),
      ...(folder.includes('/node_modules/') ? [] : [join(folder, 'tsconfig.json')]),
    ]);
    for (const folder of new Set([app, base]))
      candidates.push(...LOCKFILES.map((name) => join(folder, name)));
    const found = await onlyFiles(candidates);
    const extended = await Promise.all(
      found.filter((file) => file.endsWith('/tsconfig.json')).map((file) => extendedConfigs(file, base)),
    );
    const nested = await Promise.all([...packages].map((folder) => this.#manifestsOf(folder)));
    return [...found, ...extended.flat(), ...nested.flat()];
  }

  /** A package can redirect `name/part` by a package.json in a folder that holds no input. */
  #manifestsOf(folder: string): Promise<string[]> {
    const known = this.#packages.get(folder) ?? nestedManifests(folder);
    this.#packages.set(folder, known);
    return known;
  }
}

async function nestedManifests(root: string): Promise<string[]> {
  const manifests: string[] = [];
  const folders = [root];
  for (let index = 0; index < folders.length && index < FOLDERS_PER_PACKAGE_MAX; index++) {
    const folder = folders[index] ?? root;
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isFile() && entry.name === 'package.json') manifests.push(join(folder, entry.name));
      if (entry.isDirectory() && entry.name !== 'node_modules') folders.push(join(folder, entry.name));
    }
  }
  return manifests;
}

/** The configurations that a tsconfig.json builds upon, as far as they lie in `base`; esbuild warns about others. */
async function extendedConfigs(start: string, base: string): Promise<string[]> {
  const found: string[] = [];
  const waiting = [start];
  while (waiting.length > 0 && found.length < EXTENDS_MAX) {
    const file = waiting.pop() ?? start;
    const config = parse(await readFile(file, 'utf8'), [], { allowTrailingComma: true }) as
      { extends?: unknown } | undefined;
    const names: unknown[] = [config?.extends].flat();
    for (const name of names) {
      if (typeof name !== 'string' || isAbsolute(name)) continue;
      const [target] = await onlyFiles(extendsCandidates(dirname(file), name, base));
      if (target === undefined || !isBelow(target, base) || found.includes(target)) continue;
      found.push(target);
      waiting.push(target);
    }
  }
  return found;
}

function extendsCandidates(from: string, name: string, base: string): string[] {
  const forms = (path: string) => [path, `${path}.json`, join(path, 'tsconfig.json')];
  if (name.startsWith('.')) return forms(join(from, name));
  const candidates: string[] = [];
  for (let folder = from; isBelow(folder, base) || folder === base; folder = dirname(folder)) {
    candidates.push(...forms(join(folder, 'node_modules', name)));
    if (folder === base) break;
  }
  return candidates;
}

async function onlyFiles(paths: readonly string[]): Promise<string[]> {
  const checked = await Promise.all(
    paths.map(async (path) => ((await lstat(path).catch(() => null))?.isFile() === true ? path : null)),
  );
  return checked.filter((path) => path !== null);
}
