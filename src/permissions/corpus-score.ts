import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { analyse } from './analyse.ts';
import { ANALYSIS_BUNDLE } from './analysis-bundle.ts';
import type { Finding } from './finding.ts';
import { NO_GRANTS, type Grants } from '../manifest/index.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const MARK = ' //~ ';

/** What every function of the corpus is granted. */
export const CORPUS_GRANTS: Grants = {
  ...NO_GRANTS,
  kv: {
    ORDERS: { store: 'orders', can: ['get', 'put', 'delete', 'list'] },
    CACHE: { store: 'cache', can: ['get', 'put', 'delete', 'list'] },
  },
  bucket: { PHOTOS: { bucket: 'photos', can: ['get', 'head', 'put', 'delete', 'list'] } },
  queue: { JOBS: { queue: 'jobs', can: ['send'] } },
  service: { BILLING: { function: 'billing' } },
  pipe: { NEXT: { types: ['order.created', 'order.paid'] } },
  secret: { API_KEY: { secret: 'API_KEY' }, TOKEN: { secret: 'TOKEN' } },
};
const CORPUS_VARS = { API_BASE: 'https://api.example.com/v1', REGION: 'eu' };

export interface CorpusCase {
  readonly name: string;
  /** `file:line: finding`, as marked in the sources. */
  readonly expected: readonly string[];
  readonly found: readonly string[];
  readonly durationMs: number;
}

export interface CorpusScore {
  readonly cases: readonly CorpusCase[];
  /** Uses that the sources mark. */
  readonly uses: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  /** Marked uses that are neither found nor covered by an `unknown` that the sources mark. */
  readonly falseNegatives: number;
  readonly unknowns: number;
  /** Unknowns that the sources do not mark. */
  readonly needlessUnknowns: number;
  readonly precision: number;
  readonly recall: number;
}

/** Analyses every function of the corpus, and counts what is right, wrong and missed. */
export async function corpusScore(): Promise<CorpusScore> {
  const cases: CorpusCase[] = [];
  for (const name of readdirSync(CORPUS).toSorted()) cases.push(await runCase(name));
  let truePositives = 0;
  let falsePositives = 0;
  let falseNegatives = 0;
  let unknowns = 0;
  let needlessUnknowns = 0;
  for (const { expected, found } of cases) {
    const marked = new Set(expected);
    const seen = new Set(found);
    for (const line of found) {
      if (isUnknown(line)) {
        unknowns++;
        if (!marked.has(line)) needlessUnknowns++;
      } else if (marked.has(line)) truePositives++;
      else falsePositives++;
    }
    falseNegatives += expected.filter((line) => !seen.has(line)).length;
  }
  const uses = cases.flatMap(({ expected }) => expected).filter((line) => !isUnknown(line)).length;
  return {
    cases,
    uses,
    truePositives,
    falsePositives,
    falseNegatives,
    unknowns,
    needlessUnknowns,
    precision: truePositives / Math.max(1, truePositives + falsePositives),
    recall: truePositives / Math.max(1, truePositives + falseNegatives),
  };
}

function isUnknown(line: string): boolean {
  return line.includes(': ?? ');
}

async function runCase(name: string): Promise<CorpusCase> {
  const path = join(CORPUS, name);
  const isFolder = statSync(path).isDirectory();
  const entry = isFolder ? join(path, 'main.js') : path;
  const { code, sourceMap } = await bundle(entry, isFolder ? path : CORPUS);
  const start = performance.now();
  const findings = analyse(code, { sourceMap, grants: CORPUS_GRANTS, vars: CORPUS_VARS });
  return {
    name,
    expected: filesOf(path, isFolder).flatMap((file) => marksOf(file, isFolder ? path : CORPUS)),
    found: findings.map(print),
    durationMs: performance.now() - start,
  };
}

async function bundle(
  entry: string,
  folder: string,
): Promise<{ readonly code: string; readonly sourceMap: object }> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    ...ANALYSIS_BUNDLE,
    entryPoints: [entry],
    absWorkingDir: folder,
    outdir: folder,
    bundle: true,
    write: false,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['worker', 'deno', 'module'],
    target: 'esnext',
    supported: { 'dynamic-import': false },
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'silent',
  });
  const text = (end: string): string => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { code: text('.js'), sourceMap: JSON.parse(text('.map')) as object };
}

function filesOf(path: string, isFolder: boolean): string[] {
  if (!isFolder) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
    .toSorted();
}

/** Findings that a source marks at the end of its lines. */
function marksOf(file: string, folder: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const at = line.indexOf(MARK);
      if (at === -1) return [];
      const marks = line.slice(at + MARK.length).split('; ');
      return marks.map((mark) => `${relative(folder, file)}:${index + 1}: ${mark.trim()}`);
    });
}

/** `file:line: kv ORDERS get order:…`, or `file:line: ?? reason detail`. */
function print(finding: Finding): string {
  const place = `${finding.place.file}:${finding.place.line}`;
  if (finding.kind === 'unknown') return `${place}: ?? ${finding.reason} ${finding.detail}`.trimEnd();
  const { capability, binding, operation, resource } = finding;
  const known = resource === null ? '' : ` ${resource.text}${resource.whole ? '' : '…'}`;
  const subject =
    capability === 'connect' ? '' : ` ${binding === null ? operation : `${binding} ${operation}`}`;
  return `${place}: ${capability}${subject}${known}`;
}
