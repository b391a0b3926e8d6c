/** Checks that files and functions stay small enough to be read at once. Blank lines and comments are free. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { readSource } from './source.ts';

const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const SOURCES = [
  'src/**/*.ts',
  'tools/**/*.ts',
  'test/**/*.ts',
  'bench/*.ts',
  'examples/*/src/**/*.{ts,tsx}',
];
/** Tables that are read by key, not from top to bottom. */
const TABLES = new Set(['src/contract/errors.ts', 'src/sandbox/bubblewrap/syscalls.ts']);

/** Files and functions under `root` that are too long. Functions of tests may be as long as their story. */
export function checkSizes(root: string): string[] {
  const problems: string[] = [];
  for (const path of SOURCES.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted()) {
    if (path.includes('node_modules')) continue;
    const { lines, functions } = readSource(join(root, path));
    if (lines > FILE_LINES_MAX && !TABLES.has(path))
      problems.push(`${path}: ${lines} lines of code, at most ${FILE_LINES_MAX}`);
    const isTest = path.startsWith('test/') || /\.(test|contract|fixture)\.ts$/.test(path);
    for (const { name, line, lines: length } of isTest ? [] : functions) {
      if (length > FUNCTION_LINES_MAX) {
        problems.push(`${path}:${line}: ${name} has ${length} lines of code, at most ${FUNCTION_LINES_MAX}`);
      }
    }
  }
  return problems;
}

if (import.meta.main) {
  const problems = checkSizes(join(import.meta.dirname, '..'));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
