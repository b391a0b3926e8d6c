import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { cordon, temporaryFolder, type Outcome, type RunInput } from './cli.fixture.ts';

const MANIFEST = `{
  // the shop
  "name": "shop",
  "functions": {
    "main": {
      "entry": "src/main.ts",
      "grants": {
        // orders are kept here
        "kv": { "ORDERS": { "store": "orders", "can": ["get", "delete"] } },
        "fetch": [
          { "to": "https://unused.example.com/*" },
          { "to": "https://kept.example.com/*", "because": "Called by plugins of customers." }
        ]
      }
    },
    "idle": { "entry": "src/idle.ts" }
  }
}
`;
const CODE = `export default {
  async fetch(request: Request, env: any): Promise<Response> {
    await env.ORDERS.put(request.url, 'v');
    return new Response(await env.ORDERS.get('a'));
  },
};
`;

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: string;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
  app = join(folder.path, 'app');
  await mkdir(join(app, 'src'), { recursive: true });
  await writeFile(join(app, 'src/idle.ts'), 'export default { fetch: () => new Response("idle") };');
});

beforeEach(async () => {
  control.observed.length = 0;
  await writeFile(join(app, 'cordon.jsonc'), MANIFEST);
  await writeFile(join(app, 'src/main.ts'), CODE);
});

after(async () => {
  await control.close();
  await folder.remove();
});

function run(argv: readonly string[], input: RunInput = {}): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['permissions', ...argv], { cwd: folder.path, ...input, env: input.env ?? env });
}

test('permissions shows what is used, missing, unused and excused, with the places', async () => {
  const { code, stdout, stderr } = await run(['app']);
  assert.equal(code, 1, stderr);
  assert.deepEqual(
    stdout.split('\n').map((line) => line.trim().replace(/ {2,}/g, '  ')),
    [
      'idle',
      'uses nothing and is granted nothing',
      'main',
      'used  kv ORDERS  get  src/main.ts:4:31',
      'missing  kv ORDERS  put  src/main.ts:3:11',
      'unused  kv ORDERS  delete',
      'unused  fetch https://unused.example.com/*  GET',
      'excused  fetch https://kept.example.com/*  GET',
      '',
    ],
  );
  assert.match(stderr, /cordon permissions --write/);
});

test('permissions --write grants what is used, removes what is not, and keeps the comments', async () => {
  const { code, stdout } = await run(['app', '--write']);
  assert.equal(code, 0);
  assert.match(stdout, /wrote .*cordon\.jsonc\n$/);
  const text = await readFile(join(app, 'cordon.jsonc'), 'utf8');
  assert.match(text, /\/\/ the shop/);
  assert.match(text, /\/\/ orders are kept here/);
  assert.match(text, /"can": \[\s*"get",\s*"put"\s*\]/);
  assert.doesNotMatch(text, /delete|unused\.example/);
  assert.match(text, /kept\.example\.com/);
  assert.equal((await run(['app'])).code, 0);
  const again = await run(['app', '--write']);
  assert.doesNotMatch(again.stdout, /wrote/);
  assert.equal(await readFile(join(app, 'cordon.jsonc'), 'utf8'), text);
});

test('what the server saw is counted, and what only it saw is used too', async () => {
  const seen = { app: 'shop', function: 'main', capability: 'kv', binding: 'ORDERS', resource: 'kv:orders' };
  control.observed.push({ ...seen, operation: 'get', outcome: 'allow', count: 3 });
  control.observed.push({ ...seen, operation: 'put', outcome: 'deny', count: 2 });
  control.observed.push({ ...seen, operation: 'delete', outcome: 'allow', count: 1 });
  const { stdout, code } = await run(['app']);
  assert.equal(code, 1);
  assert.match(stdout, /used +kv ORDERS +get +src\/main\.ts:4:31, seen 3 times/);
  assert.match(stdout, /missing +kv ORDERS +put +src\/main\.ts:3:11, denied 2 times/);
  assert.match(stdout, /used +kv ORDERS +delete +seen 1 times/);
});

test('code that cannot be followed is shown, and nothing is called unused because of it', async () => {
  const code = CODE.replace(`env.ORDERS.get('a')`, `env[request.method].get('a')`);
  await writeFile(join(app, 'src/main.ts'), code.replace(/.*put.*\n/, ''));
  const { stdout } = await run(['app']);
  assert.match(stdout, /possible +kv ORDERS +get/);
  assert.match(stdout, /unknown +the name of a binding is computed.* +src\/main\.ts:3:\d+/);
});

test('permissions --json is one document with all of it', async () => {
  const { stdout, stderr, code } = await run(['app', '--json']);
  assert.deepEqual([code, stderr], [1, '']);
  const result = JSON.parse(stdout) as {
    app: string;
    observed: boolean;
    written: boolean;
    functions: { function: string; rows: { state: string; operation: string; places: string[] }[] }[];
  };
  assert.deepEqual([result.app, result.observed, result.written], ['shop', true, false]);
  const main = result.functions.find(({ function: name }) => name === 'main');
  const missing = main?.rows.find(({ state }) => state === 'missing');
  assert.deepEqual([missing?.operation, missing?.places], ['put', ['src/main.ts:3:11']]);
});

test('permissions works without a server, and says so', async () => {
  const { code, stderr } = await run(['app'], { env: { XDG_CONFIG_HOME: folder.path } });
  assert.equal(code, 1);
  assert.match(stderr, /no server was asked/);
});

test('the name of an app shows what the server saw of it, and fails for what was denied', async () => {
  assert.match((await run(['shop'])).stdout, /shop was not seen to use anything/);
  const seen = { app: 'shop', function: 'main', capability: 'kv', binding: 'ORDERS', operation: 'get' };
  control.observed.push({ ...seen, resource: 'kv:orders', outcome: 'allow', count: 3 });
  const allowed = await run(['shop']);
  assert.deepEqual(
    [allowed.code, allowed.stdout],
    [0, 'allowed  main  kv ORDERS  get  kv:orders  3 times\n'],
  );
  control.observed.push({ ...seen, resource: 'kv:other', outcome: 'deny', count: 1 });
  assert.equal((await run(['shop'])).code, 1);
  assert.match((await run(['nobody'])).stderr, /CORDON_APP_UNKNOWN/);
  assert.equal((await run(['shop', '--write'])).code, 2);
  assert.match((await run(['./nowhere'])).stderr, /CORDON_MANIFEST_MISSING/);
});
