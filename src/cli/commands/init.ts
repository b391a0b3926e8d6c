import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { CordonError } from '../../contract/index.ts';
import type { CommandContext } from '../context.ts';
import { generatedFiles, SCHEMA_FILE } from '../generated.ts';
import { EXIT } from '../report.ts';
import { usage } from '../usage.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The files of a small app: path and text. */
function filesOf(name: string): readonly (readonly [string, string])[] {
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

/** Writes a small app. Nothing that exists is changed. Errors: CORDON_FILE_EXISTS, CORDON_USAGE. */
export async function init(context: CommandContext, args: readonly string[], given: object): Promise<number> {
  const { terminal, surroundings } = context;
  const folder = resolve(surroundings.cwd, args[0] ?? '.');
  const name = nameOf(folder, (given as { readonly name?: string }).name);
  const files = [...filesOf(name), ...(await generatedFor(filesOf(name)))];
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
  terminal.result({ app: name, directory: folder, files: files.map(([path]) => path) });
  const shown = relative(surroundings.cwd, folder);
  terminal.line();
  terminal.line(`Next: ${shown === '' ? '' : `cd ${shown} && `}cordon dev`);
  return EXIT.ok;
}

async function generatedFor(files: readonly (readonly [string, string])[]): Promise<[string, string][]> {
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
