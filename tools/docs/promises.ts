import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PROMISE = /\bP-[A-Z]+-\d+\b/;
/** A test: `title` in [`title`](path), or `path`: `title`. */
const LINK = /\[`([^`]+)`\]\(([^)\s]+\.ts)\)/g;
const NAMED = /`([\w./-]+\.ts)`:\s*`([^`]+)`/g;

interface TestReference {
  /** From the root of the project. */
  readonly file: string;
  readonly title: string;
}

/**
 * What is wrong with the promises of a document: a number twice, a promise without a test, a test that
 * does not exist. A promise is a line with its number and the lines up to the next promise or heading.
 */
export function checkPromises(root: string, path: string): string[] {
  if (!path.endsWith('SPEC.md')) return [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const [number, text] of promisesOf(readFileSync(join(root, path), 'utf8'))) {
    if (seen.has(number)) problems.push(`${path}: ${number} is there twice`);
    seen.add(number);
    const tests = testsOf(text, dirname(path));
    if (tests.length === 0) problems.push(`${path}: ${number} names no test`);
    for (const { file, title } of tests) {
      if (!existsSync(join(root, file)))
        problems.push(`${path}: ${number} names ${file}, which does not exist`);
      else if (!hasTest(readFileSync(join(root, file), 'utf8'), title)) {
        problems.push(`${path}: ${number} names a test that ${file} does not have: ${title}`);
      }
    }
  }
  return problems;
}

function promisesOf(markdown: string): [number: string, text: string][] {
  const promises: [string, string][] = [];
  for (const line of markdown.split('\n')) {
    const [number] = PROMISE.exec(line) ?? [];
    const current = promises.at(-1);
    if (number !== undefined) promises.push([number, line]);
    else if (line.startsWith('#')) promises.push(['', '']);
    else if (current) current[1] += `\n${line}`;
  }
  return promises.filter(([number]) => number !== '');
}

function testsOf(text: string, folder: string): TestReference[] {
  const links = [...text.matchAll(LINK)].map(([, title = '', target = '']) => ({
    file: join(folder, target),
    title,
  }));
  const named = [...text.matchAll(NAMED)].map(([, file = '', title = '']) => ({ file, title }));
  return [...links, ...named];
}

/** True when `source` holds a string literal that is exactly the title. */
function hasTest(source: string, title: string): boolean {
  const escaped = title.replaceAll("'", String.raw`\'`);
  return [`'${title}'`, `"${title}"`, `\`${title}\``, `'${escaped}'`].some((literal) =>
    source.includes(literal),
  );
}
