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
import { ERRORS, LIMITS } from '../src/contract/index.ts';
import { commandsMarkdown } from './docs/cli.ts';
import { checkCommands } from './docs/commands.ts';
import { checkPromises } from './docs/promises.ts';
import { errorsMarkdown, limitsMarkdown } from './docs/tables.ts';

/** A document that is made from code. `module` is loaded only where it exists. */
interface Generated {
  readonly path: string;
  readonly module: string;
  readonly make: (exports: Record<string, unknown>) => unknown;
}

const GENERATED: readonly Generated[] = [
  { path: 'docs/ERRORS.md', module: 'src/contract/index.ts', make: () => errorsMarkdown(ERRORS) },
  { path: 'docs/LIMITS.md', module: 'src/contract/index.ts', make: () => limitsMarkdown(LIMITS) },
  {
    path: 'docs/SYSCALLS.md',
    module: 'src/sandbox/index.ts',
    make: (sandbox) => call(sandbox, 'syscallTableMarkdown'),
  },
  {
    path: 'docs/CLI.md',
    module: 'src/cli/program.ts',
    make: (cli) => commandsMarkdown(call(cli, 'createProgram', '')),
  },
  {
    path: 'schema/cordon.schema.json',
    module: 'src/manifest/index.ts',
    make: (manifest) => JSON.stringify(call(manifest, 'manifestJsonSchema')),
  },
  {
    path: 'schema/openapi.json',
    module: 'src/control/index.ts',
    make: (control) => JSON.stringify(call(control, 'openApiDocument')),
  },
];

const root = join(import.meta.dirname, '..');

/** Calls the function `name` of a loaded module. */
function call(exports: Record<string, unknown>, name: string, ...args: unknown[]): unknown {
  const value = exports[name];
  if (typeof value !== 'function') throw new Error(`it does not export ${name}`);
  return Reflect.apply(value, undefined, args);
}

/** The text that a generated document should have; null while its module does not exist. */
async function generate({ path, module, make }: Generated): Promise<string | null> {
  if (!existsSync(join(root, module))) return null;
  const exports: unknown = await import(join(root, module));
  if (typeof exports !== 'object' || exports === null) throw new Error('it is not a module');
  const text = make(Object.fromEntries(Object.entries(exports)));
  if (typeof text !== 'string') throw new Error('it made no text');
  const file = join(root, path);
  return format(text, { ...(await resolveConfig(file)), filepath: file });
}

async function checkGenerated(document: Generated, write: boolean): Promise<string[]> {
  const file = join(root, document.path);
  try {
    const text = await generate(document);
    const current = existsSync(file) ? readFileSync(file, 'utf8') : null;
    if (text === null) return current === null ? [] : [`${document.path}: ${document.module} does not exist`];
    if (text === current) return [];
    if (!write) return [`${document.path}: differs from ${document.module}; run \`npm run docs\``];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return [];
  } catch (error) {
    return [
      `${document.path}: cannot be made from ${document.module}: ${error instanceof Error ? error.message : String(error)}`,
    ];
  }
}

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } });
const problems: string[] = [];
for (const document of GENERATED) problems.push(...(await checkGenerated(document, values.write)));
const documents = globSync(['*.md', 'docs/*.md', 'examples/*/README.md'], { cwd: root }).toSorted();
problems.push(...documents.flatMap((path) => checkPromises(root, path)), ...checkCommands(root, documents));
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
