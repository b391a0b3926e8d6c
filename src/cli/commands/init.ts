import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import type { ImportedApp, ImportRemark } from '../../validation/index.ts';
import type { CommandContext } from '../context.ts';
import { generatedFiles, SCHEMA_FILE } from '../generated.ts';
import { EXIT } from '../report.ts';
import { printable, type Terminal } from '../terminal.ts';
import { usage } from '../usage.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

type Files = readonly (readonly [string, string])[];

/** The files of a small app: path and text. */
function exampleFiles(name: string): Files {
  return [
    [
      'cordon.jsonc',
      `{
  "$schema": "./${SCHEMA_FILE}",
  "name": "${name}",
  "functions": {
    "hello": {
      "entry": "src/hello.ts",
      // Nobody may call a route unless \`auth\` says who: "public" is anyone, "control" holders of a token.
      "routes": [{ "path": "/hello", "methods": ["GET"], "auth": "public" }],
      "vars": { "GREETING": "Hello" },
      "limits": { "time": "5s", "memory": "128MiB" },
    },
  },
}
`,
    ],
    [
      'src/hello.ts',
      `export default {
  async fetch(request: Request, env: Cordon.HelloEnv): Promise<Response> {
    const name = new URL(request.url).searchParams.get('name') ?? 'world';
    console.log('greeting', name);
    return Response.json({ message: \`\${env.GREETING}, \${name}!\` });
  },
};
`,
    ],
    ...projectFiles(name),
  ];
}

/** The files of every app. */
function projectFiles(name: string): Files {
  return [
    [
      'tsconfig.json',
      `{
  "compilerOptions": {
    "target": "esnext",
    "module": "esnext",
    "moduleResolution": "bundler",
    "lib": ["esnext", "webworker"],
    "types": [],
    "strict": true,
    "noEmit": true,
    "allowImportingTsExtensions": true
  },
  "include": ["src", "cordon.d.ts"]
}
`,
    ],
    ['package.json', `{\n  "name": "${name}",\n  "private": true,\n  "type": "module"\n}\n`],
    ['.gitignore', 'node_modules/\n.cordon/\n'],
  ];
}

/**
 * Writes a small app, or one made of an OpenAPI document. Nothing that exists is changed.
 * Errors: CORDON_FILE_EXISTS, CORDON_OPENAPI_INVALID, CORDON_USAGE.
 */
export async function init(context: CommandContext, args: readonly string[], given: object): Promise<number> {
  const { terminal, surroundings } = context;
  const options = given as { readonly name?: string; readonly openapi?: string; readonly public?: true };
  const folder = resolve(surroundings.cwd, args[0] ?? '.');
  const name = nameOf(folder, options.name);
  if (options.public === true && options.openapi === undefined) {
    throw usage('Cannot use --public alone.', 'Give the document with --openapi.');
  }
  const app =
    options.openapi === undefined
      ? null
      : await appOf(resolve(surroundings.cwd, options.openapi), name, options.public === true);
  const own = app === null ? exampleFiles(name) : importedFiles(name, app);
  const files = [...own, ...(await generatedFor(own))];
  await refuseExisting(
    folder,
    files.map(([path]) => path),
  );
  for (const [path, text] of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    // `wx` refuses a file that has come up since it was looked for.
    await writeFile(file, text, { flag: 'wx' });
    terminal.line(`  ${terminal.style('green', 'wrote')} ${relative(surroundings.cwd, file)}`);
  }
  const remarks = app === null ? {} : { decisions: app.decisions, notes: app.notes };
  terminal.result({ app: name, directory: folder, files: files.map(([path]) => path), ...remarks });
  if (app !== null) showRemarks(terminal, app);
  const shown = relative(surroundings.cwd, folder);
  terminal.line();
  terminal.line(`Next: ${shown === '' ? '' : `cd ${shown} && `}cordon dev`);
  return EXIT.ok;
}

async function appOf(file: string, name: string, allowsPublic: boolean): Promise<ImportedApp> {
  const { appFromOpenApi } = await import('../../validation/index.ts');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new CordonError('CORDON_OPENAPI_INVALID', `Cannot read ${file}.`, { cause });
  }
  return appFromOpenApi(text, { name, allowsPublic });
}

function importedFiles(name: string, { manifest, files }: ImportedApp): Files {
  const text = JSON.stringify({ $schema: `./${SCHEMA_FILE}`, ...manifest }, null, 2);
  // Short lists on one line. No text of JSON has a line break in it, so that only lists are found.
  const shown = text.replace(/\[\n\s+((?:"[^"\n]*"(?:,\n\s+)?)+)\n\s+\]/g, (_list, items: string) => {
    return `[${items.replaceAll(/,\n\s+/g, ', ')}]`;
  });
  return [['cordon.jsonc', `${shown}\n`], ...files, ...projectFiles(name)];
}

function showRemarks(terminal: Terminal, { decisions, notes }: ImportedApp): void {
  const show = (title: string, remarks: readonly ImportRemark[]): void => {
    if (remarks.length === 0) return;
    terminal.line();
    terminal.line(title);
    for (const { method, path, text } of remarks) terminal.line(printable(`  ${method} ${path}: ${text}`));
  };
  show('Decide who may call these; until then holders of a control token may:', decisions);
  show('Of the document this is not done:', notes);
}

async function generatedFor(files: Files): Promise<[string, string][]> {
  const { parseManifest } = await import('../../manifest/index.ts');
  const text = files.find(([path]) => path === 'cordon.jsonc')?.[1] ?? '';
  return generatedFiles(parseManifest(text));
}

function nameOf(folder: string, option: string | undefined): string {
  if (option !== undefined) {
    if (NAME.test(option)) return option;
    const form = 'a name is lower-case letters, digits and hyphens, and starts with a letter';
    throw usage(`Cannot name an app ${JSON.stringify(option)}: ${form}.`, 'Give another --name.');
  }
  const made = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
  return NAME.test(made) ? made : 'app';
}

async function refuseExisting(folder: string, paths: readonly string[]): Promise<void> {
  let present: string[];
  try {
    present = await readdir(folder, { recursive: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new CordonError('CORDON_FILE_EXISTS', `Cannot write an app to ${folder}: it is not a folder.`, {
      cause: error,
    });
  }
  const tops = new Set(paths.map((path) => path.split('/')[0] ?? path));
  const taken = present.filter((entry) => tops.has(entry));
  if (taken.length === 0) return;
  const message = `Cannot write an app to ${folder}: ${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} there already.`;
  throw new CordonError('CORDON_FILE_EXISTS', message, { details: { path: folder, taken } });
}
