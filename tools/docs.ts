/**
 * Keeps the documents true. What can be generated is generated, and a difference fails; each promise in
 * SPEC.md names a test that exists; each command in a document is one that exists.
 *
 *   bin/node tools/docs.ts [--write]
 */
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { commandsMarkdown } from './docs/cli.ts';
import { checkCommands } from './docs/commands.ts';
import { checkPromises } from './docs/promises.ts';
import { errorsMarkdown, limitsMarkdown } from './docs/tables.ts';

/** Documents that are made from code. A module is loaded when its document is made, so that one that fails spoils one. */
const GENERATED: Readonly<Record<string, () => Promise<string>>> = {
  'docs/ERRORS.md': async () => errorsMarkdown((await import('../src/contract/index.ts')).ERRORS),
  'docs/LIMITS.md': async () => limitsMarkdown((await import('../src/contract/index.ts')).LIMITS),
  'docs/SYSCALLS.md': async () => (await import('../src/sandbox/index.ts')).syscallTableMarkdown(),
  'docs/CLI.md': async () =>
    commandsMarkdown((await import('../src/cli/program.ts')).createProgram('', () => Promise.resolve())),
  'schema/cordon.schema.json': async () =>
    JSON.stringify((await import('../src/manifest/index.ts')).manifestJsonSchema()),
  'schema/openapi.json': async () =>
    JSON.stringify((await import('../src/control/index.ts')).openApiDocument()),
};

const root = join(import.meta.dirname, '..');

async function checkGenerated(path: string, make: () => Promise<string>, write: boolean): Promise<string[]> {
  const file = join(root, path);
  try {
    const text = await format(await make(), { ...(await resolveConfig(file)), filepath: file });
    if (existsSync(file) && readFileSync(file, 'utf8') === text) return [];
    if (!write) return [`${path}: differs from the code; run \`npm run docs\``];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return [];
  } catch (error) {
    return [`${path}: cannot be made: ${error instanceof Error ? error.message : String(error)}`];
  }
}

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const problems: string[] = [];
for (const [path, make] of Object.entries(GENERATED))
  problems.push(...(await checkGenerated(path, make, values.write)));
const documents = globSync(['*.md', 'docs/*.md', 'examples/*/README.md'], { cwd: root }).toSorted();
problems.push(...documents.flatMap((path) => checkPromises(root, path)), ...checkCommands(root, documents));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
