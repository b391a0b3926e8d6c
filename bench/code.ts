/** The code of functions that are started cold. `ID` in it is replaced, so that no two functions are the same. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type CodeSize = 'tiny' | 'hono' | 'large';
export const CODE_SIZES = ['tiny', 'hono', 'large'] as const;
export const CODE_LABELS: Readonly<Record<CodeSize, string>> = { tiny: '1 KB', hono: 'hono', large: '1 MB' };

const ID = '__ID__';
const LARGE_BYTES = 1_000_000;
const root = join(import.meta.dirname, '..');

/** The code of one function. */
export function withId(code: string, id: string | number): string {
  return code.replaceAll(ID, String(id));
}

/** ES modules without imports, by size. `folder` is for files of the bundler. */
export function makeCode(folder: string): Record<CodeSize, string> {
  return { tiny: tinyCode(), hono: honoCode(folder), large: largeCode() };
}

function tinyCode(): string {
  return `const id = '${ID}';
const greetings = new Map([
  ['en', 'Hello'], ['de', 'Hallo'], ['fr', 'Bonjour'], ['es', 'Hola'], ['it', 'Ciao'], ['pt', 'Olá'],
]);

function languageOf(request) {
  const accepted = request.headers.get('accept-language') ?? 'en';
  for (const part of accepted.split(',')) {
    const [tag] = part.trim().split(/[-;]/);
    if (greetings.has(tag)) return tag;
  }
  return 'en';
}

function describe(request) {
  const url = new URL(request.url);
  const name = url.searchParams.get('name') ?? 'world';
  return { id, path: url.pathname, text: \`\${greetings.get(languageOf(request))}, \${name}\` };
}

export default {
  async fetch(request) {
    if (request.method !== 'GET') return new Response('Method not allowed', { status: 405 });
    return Response.json(describe(request), { headers: { 'cache-control': 'no-store' } });
  },
};
`;
}

function honoCode(folder: string): string {
  const entry = join(folder, 'hono-app.js');
  writeFileSync(
    entry,
    `import { Hono } from ${JSON.stringify(join(root, 'node_modules/hono/dist/index.js'))};
const app = new Hono();
app.use(async (c, next) => { await next(); c.header('x-served-by', '${ID}'); });
app.get('/api/users/:id', (c) => c.json({ id: c.req.param('id') }));
app.get('*', (c) => c.text('hello ${ID}'));
export default app;
`,
  );
  const arguments_ = [entry, '--bundle', '--format=esm', '--platform=neutral', '--log-level=error'];
  return execFileSync(join(root, 'node_modules/@esbuild/linux-x64/bin/esbuild'), arguments_, {
    encoding: 'utf8',
  });
}

/** Many small functions and tables that all stay in the bundle, as the packages of a real app do. */
function largeCode(): string {
  const parts: string[] = [`const id = '${ID}';\nconst operations = {};\n`];
  let bytes = 0;
  for (let index = 0; bytes < LARGE_BYTES; index += 1) {
    const part = `
operations.step${index} = function step${index}(input, options = {}) {
  const { scale = ${(index % 97) + 1}, label = 'step-${index}', strict = ${index % 2 === 0} } = options;
  const values = [];
  for (let position = 0; position < input.length; position += 1) {
    const value = input[position] * scale + ${index};
    if (strict && !Number.isFinite(value)) throw new TypeError(\`\${label}: not a number at \${position}\`);
    values.push(value % ${(index % 13) + 2} === 0 ? value : -value);
  }
  return { label, values, total: values.reduce((sum, value) => sum + value, 0) };
};
`;
    parts.push(part);
    bytes += part.length;
  }
  parts.push(`
export default {
  async fetch(request) {
    const name = new URL(request.url).searchParams.get('step') ?? 'step7';
    const { label, total } = operations[name]([1, 2, 3]);
    return Response.json({ id, label, total });
  },
};
`);
  return parts.join('');
}
