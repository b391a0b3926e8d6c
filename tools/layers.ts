/**
 * Checks that imports inside `src` point one way: no folder imports upward or sideways, none reaches past
 * the `index.ts` of another, none is in a cycle. Each npm package has a written reason and the folders
 * that may import it. The order is in layers.json, the packages are in dependencies.json.
 */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { z } from 'zod';
import { readSource, type Import } from './source.ts';

const rulesSchema = z.strictObject({
  '//': z.string().optional(),
  layers: z.array(z.array(z.string())),
  only: z.record(z.string(), z.record(z.string(), z.enum(['all', 'types']))).default({}),
  entries: z.array(z.string()).default([]),
});
const dependenciesSchema = z.record(
  z.string(),
  z.strictObject({
    reason: z.string().min(10),
    /** Folders and files that may import it, from the root. Empty: a program, or loaded by path. */
    in: z.array(z.string()),
  }),
);
const packageSchema = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

type Rules = z.output<typeof rulesSchema>;

/** A file of the tree with its imports; paths are relative to the root, with `/`. */
interface Module {
  readonly path: string;
  readonly imports: readonly Import[];
}

const SOURCES = [
  'src/**/*.ts',
  'tools/**/*.ts',
  'test/**/*.ts',
  'bench/*.ts',
  'examples/*/src/**/*.{ts,tsx}',
];

/** All that is wrong with the imports under `root`, as `file:line: what`. Empty when nothing is. */
export function checkLayers(root: string): string[] {
  const rules = rulesSchema.parse(readJson(join(root, 'tools/layers.json')));
  const modules = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((path) => !path.includes('node_modules'))
    .toSorted()
    .map((path) => ({ path, imports: readSource(join(root, path)).imports }));
  const problems = modules
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap((module) => checkFolders(module, rules));
  return [...problems, ...findCycles(modules), ...checkPackages(root, modules)];
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** The path from the root that a relative import leads to. */
function resolveImport(from: string, specifier: string): string {
  return normalize(join(dirname(from), specifier));
}

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function checkFolders({ path, imports }: Module, rules: Rules): string[] {
  const problems: string[] = [];
  const own = folderOf(path);
  const rank = (folder: string): number => rules.layers.findIndex((row) => row.includes(folder));
  if (rank(own) === -1) return [`${path}: the folder src/${own} has no place in tools/layers.json`];

  for (const { specifier, typeOnly, line } of imports) {
    if (!specifier.startsWith('.')) continue;
    const target = resolveImport(path, specifier);
    const other = folderOf(target);
    if (!target.startsWith('src/')) problems.push(`${path}:${line}: ${specifier} leaves src`);
    else if (other !== own) {
      const place = target.slice('src/'.length);
      const isFixture = isTest(path) && isTest(place);
      const isEntry = place === `${other}/index.ts` || rules.entries.includes(place) || isFixture;
      if (!isEntry && !(typeOnly && place === `${other}/port.ts`)) {
        problems.push(`${path}:${line}: ${specifier} reaches past src/${other}/index.ts`);
      }
      const allowed = isTest(path) ? 'all' : rules.only[own]?.[other];
      if (rank(other) >= rank(own))
        problems.push(`${path}:${line}: src/${own} may not import upward from src/${other}`);
      else if (rules.only[own] && !allowed)
        problems.push(`${path}:${line}: src/${own} may not import src/${other}`);
      else if (allowed === 'types' && !typeOnly) {
        problems.push(`${path}:${line}: src/${own} may import only types from src/${other}`);
      }
    }
  }
  return problems;
}

/** Cycles of imports that happen while modules load, each reported once. */
function findCycles(modules: readonly Module[]): string[] {
  const graph = new Map(
    modules.map(({ path, imports }) => [
      path,
      imports
        .filter(({ typeOnly, dynamic, specifier }) => !typeOnly && !dynamic && specifier.startsWith('.'))
        .map(({ specifier }) => resolveImport(path, specifier)),
    ]),
  );
  const problems: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start !== -1) problems.push(`cycle: ${[...trail.slice(start), path].join(' → ')}`);
    if (start !== -1 || done.has(path)) return;
    trail.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return problems;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function checkPackages(root: string, modules: readonly Module[]): string[] {
  const known = dependenciesSchema.parse(readJson(join(root, 'tools/dependencies.json')));
  const { dependencies, devDependencies } = packageSchema.parse(readJson(join(root, 'package.json')));
  const installed = { ...dependencies, ...devDependencies };
  const problems: string[] = [];
  for (const [name, version] of Object.entries(installed)) {
    if (!known[name]) problems.push(`package.json: ${name} has no reason in tools/dependencies.json`);
    if (!/^\d+\.\d+\.\d+/.test(version)) problems.push(`package.json: ${name} is not pinned to one version`);
  }
  for (const name of Object.keys(known)) {
    if (installed[name] === undefined)
      problems.push(`tools/dependencies.json: ${name} is not in package.json`);
  }
  for (const { path, imports } of modules) {
    for (const { specifier, line, typeOnly } of imports) {
      const isPackage = !/^(\.|node:|data:)/.test(specifier) && !builtinModules.includes(specifier);
      if (!isPackage) continue;
      const name = packageOf(specifier);
      const places = known[name]?.in ?? [];
      if (!places.some((place) => path === place || path.startsWith(`${place}/`))) {
        problems.push(`${path}:${line}: ${name} may not be imported here (see tools/dependencies.json)`);
      } else if (path.startsWith('src/') && !isTest(path) && !typeOnly && dependencies[name] === undefined) {
        problems.push(`${path}:${line}: ${name} is a development dependency`);
      }
    }
  }
  return problems;
}

/** True for files that only tests load. */
function isTest(path: string): boolean {
  return /\.(test|contract|fixture)\.ts$/.test(path);
}

if (import.meta.main) {
  const problems = checkLayers(join(import.meta.dirname, '..'));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
