import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cordon, temporaryFolder } from './cli.fixture.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  folder = await temporaryFolder();
});

after(() => folder.remove());

const DOCUMENT = `openapi: 3.1.0
info: { title: Shop, version: '1' }
paths:
  /orders/{id}:
    parameters:
      - { name: id, in: path, required: true, schema: { type: integer } }
    put:
      summary: "Replaces an order.\\u001b[31m"
      security: [{ key: [] }]
      requestBody:
        content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } }
    get:
      summary: Shows an order.
components:
  schemas:
    Order: { type: object, properties: { count: { type: integer } }, required: [count] }
  securitySchemes:
    key: { type: apiKey, in: header, name: x-api-key }
`;

test('init makes an app of an OpenAPI document, which stays closed where the document is silent', async () => {
  await writeFile(join(folder.path, 'shop.yaml'), DOCUMENT);
  const made = await cordon(['init', 'shop', '--openapi', 'shop.yaml'], { cwd: folder.path });
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /wrote shop\/schemas\/order\.json/);
  assert.match(
    made.stdout,
    /Decide who may call these[^\n]*\n {2}GET \/orders\/:id: it asks for no security/,
  );
  const manifest = JSON.parse(await readFile(join(folder.path, 'shop/cordon.jsonc'), 'utf8')) as {
    functions: Record<string, { routes: { methods: string[]; auth: unknown }[] }>;
  };
  const routes = manifest.functions['orders-id']?.routes ?? [];
  assert.deepEqual(
    routes.map(({ methods, auth }) => [methods, auth]),
    [
      [['GET'], 'control'],
      [['PUT'], { apiKey: 'key' }],
    ],
  );
  assert.match(await readFile(join(folder.path, 'shop/src/orders-id.ts'), 'utf8'), /status: 501/);
  assert.equal((await cordon(['types', 'shop', '--check'], { cwd: folder.path })).code, 0);
  const again = await cordon(['init', 'shop', '--openapi', 'shop.yaml'], { cwd: folder.path });
  assert.match(again.stderr, /CORDON_FILE_EXISTS/);
});

test('init opens what asks for no security where --public says so', async () => {
  await writeFile(join(folder.path, 'open.yaml'), DOCUMENT);
  const made = await cordon(['init', 'open', '--openapi', 'open.yaml', '--public', '--json'], {
    cwd: folder.path,
  });
  assert.equal(made.code, 0, made.stderr);
  assert.deepEqual((JSON.parse(made.stdout) as { decisions: unknown }).decisions, []);
  assert.match(await readFile(join(folder.path, 'open/cordon.jsonc'), 'utf8'), /"auth": "public"/);
  const alone = await cordon(['init', 'alone', '--public'], { cwd: folder.path });
  assert.equal(alone.code, 2);
});

test('init refuses a document that it cannot read and writes nothing', async () => {
  await writeFile(join(folder.path, 'old.yaml'), DOCUMENT.replace('3.1.0', '3.0.3'));
  for (const file of ['old.yaml', 'none.yaml']) {
    const refused = await cordon(['init', 'refused', '--openapi', file], { cwd: folder.path });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /CORDON_OPENAPI_INVALID/);
    await assert.rejects(readFile(join(folder.path, 'refused/cordon.jsonc')), { code: 'ENOENT' });
  }
});

test('openapi prints the document of an app without a server', async () => {
  await writeFile(join(folder.path, 'printed.yaml'), DOCUMENT);
  await cordon(['init', 'printed', '--openapi', 'printed.yaml'], { cwd: folder.path });
  const shown = await cordon(['openapi', 'printed', '--url', 'https://shop.example'], { cwd: folder.path });
  assert.equal(shown.code, 0, shown.stderr);
  const document = JSON.parse(shown.stdout) as { openapi: string; paths: object; servers: unknown };
  assert.equal(document.openapi, '3.1.0');
  assert.deepEqual(document.servers, [{ url: 'https://shop.example' }]);
  assert.deepEqual(Object.keys(document.paths), ['/orders/{id}']);
  const json = await cordon(['openapi', 'printed', '--json', '--url', 'https://shop.example'], {
    cwd: folder.path,
  });
  assert.deepEqual(JSON.parse(json.stdout), document);
});

test('openapi needs the files that the manifest names, and a URL that is one', async () => {
  await mkdir(join(folder.path, 'bare'));
  const text = JSON.stringify({
    name: 'bare',
    functions: { a: { entry: 'a.ts', routes: [{ path: '/', auth: 'public', body: 'gone.json' }] } },
  });
  await writeFile(join(folder.path, 'bare/cordon.jsonc'), text);
  assert.match(
    (await cordon(['openapi', 'bare'], { cwd: folder.path })).stderr,
    /CORDON_MANIFEST_FILE.*gone\.json/,
  );
  await writeFile(join(folder.path, 'bare/gone.json'), '{"type":"strin"');
  assert.match((await cordon(['openapi', 'bare'], { cwd: folder.path })).stderr, /CORDON_SCHEMA_INVALID/);
  await writeFile(join(folder.path, 'bare/gone.json'), '{"type":"string"}');
  assert.equal((await cordon(['openapi', 'bare'], { cwd: folder.path })).code, 0);
  assert.equal((await cordon(['openapi', 'bare', '--url', 'shop'], { cwd: folder.path })).code, 2);
});
