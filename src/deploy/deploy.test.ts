import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { collect } from './collect/index.ts';
import { createDeployer, type BundleChecker } from './index.ts';
import { failureOf, filesTar, HELLO, live, manifestText, setUp, writeTree } from './deploy.fixture.ts';

test('an app is bundled in the sandbox, stored and served', async (t) => {
  const { deployer, objects, catalogue, leftovers } = await setUp(t);
  const archive = await filesTar({
    'cordon.jsonc': manifestText(),
    'src/main.ts': `import { greet } from './greet.ts';\nexport default { fetch: (r: Request) => new Response(greet(import.meta.url)), scheduled() {}, async fetch(){} };`,
    'src/greet.ts': 'export const greet = (name: string): string => `hello ${name} ${process.env.NODE_ENV}`;',
  });
  const result = await deployer.deploy('shop', archive, live);
  assert.equal(result.alias.live, result.deployment.id);
  assert.equal(result.unchanged, false);
  assert.deepEqual(
    result.steps.map((step) => step.name),
    ['unpack', 'manifest', 'bundle', 'check', 'store', 'publish'],
  );
  const [fn] = result.deployment.functions;
  assert.equal(fn?.format, 'script');
  const code = new TextDecoder().decode(await objects.get(fn.bundle));
  assert.match(code, /production/);
  assert.doesNotMatch(code, /stg_|\/src\//);
  const map = new TextDecoder().decode(await objects.get(fn.sourceMap ?? ''));
  assert.deepEqual((JSON.parse(map) as { sources: string[] }).sources.toSorted(), [
    'src/greet.ts',
    'src/main.ts',
  ]);
  assert.equal(catalogue.app('shop').live.id, result.deployment.id);
  assert.deepEqual(await leftovers(), []);
});

test('the same source gives the same id, and only the alias is touched', async (t) => {
  const { deployer } = await setUp(t);
  const files = { 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO };
  const first = await deployer.deploy('shop', await filesTar(files), live);
  const again = await deployer.deploy('shop', await filesTar(files), live);
  assert.equal(again.deployment.id, first.deployment.id);
  assert.equal(again.deployment.createdAt, first.deployment.createdAt);
  assert.equal(again.unchanged, true);
  assert.deepEqual(
    again.steps.map((step) => step.name),
    ['unpack', 'manifest', 'bundle', 'publish'],
  );
  const other = await deployer.deploy(
    'shop',
    await filesTar({ ...files, 'src/main.ts': HELLO.replace('hello', 'bye') }),
    live,
  );
  assert.notEqual(other.deployment.id, first.deployment.id);
  assert.equal(other.alias.previous, first.deployment.id);
});

test('a new runtime makes the code caches of a known deployment anew', async (t) => {
  const { deployer, options } = await setUp(t);
  const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  const first = await deployer.deploy('shop', archive, live);
  const renewed: BundleChecker = {
    check: async () => ({ handlers: ['fetch'], codeCache: new Uint8Array([2]) }),
  };
  const later = await createDeployer({ ...options, checker: renewed, runtime: 'deno-2' });
  t.after(() => later.close());
  const second = await later.deploy('shop', archive, live);
  assert.equal(second.deployment.id, first.deployment.id);
  assert.notEqual(second.deployment.functions[0]?.codeCache, first.deployment.functions[0]?.codeCache);
});

test('an error in the check is shown at its place in the source', async (t) => {
  const failing: BundleChecker = {
    check: async (bundle, _format, name) => {
      const column =
        '(function(exports,require,module){'.length +
        new TextDecoder().decode(bundle).indexOf('null.boom') +
        1;
      throw new CordonError('CORDON_IMPORT_THREW', 'TypeError: no boom', {
        details: { stack: `TypeError: no boom\n    at ${name}.js:1:${column}` },
      });
    },
  };
  const { deployer } = await setUp(t, { checker: failing });
  const archive = await filesTar({
    'cordon.jsonc': manifestText(),
    'src/main.ts': `// first\nexport const x = (null as any).boom;\n${HELLO}`,
  });
  const error = await failureOf(deployer.deploy('shop', archive, live));
  assert.equal(error.code, 'CORDON_IMPORT_THREW');
  assert.match(error.message, /at src\/main\.ts:2:/);
});

test('what an earlier process left in the staging folder is removed at the start', async (t) => {
  const { options, folder, leftovers } = await setUp(t);
  await writeTree(folder, { 'staging/unpacked/stg_old/x': '', 'staging/build/sources/stg_old/x': '' });
  const deployer = await createDeployer(options);
  t.after(() => deployer.close());
  assert.deepEqual(await leftovers(), []);
});

test('a closed deployer leaves nothing in the staging folder', async (t) => {
  const { deployer, options } = await setUp(t);
  const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  await deployer.deploy('shop', archive, live);
  await access(options.stagingFolder);
  await deployer.close();
  await assert.rejects(access(options.stagingFolder));
});

test('a collected app with pnpm links builds on the server', async (t) => {
  const { deployer, folder, objects } = await setUp(t);
  const store = 'web/node_modules/.pnpm';
  await writeTree(folder, {
    'web/cordon.jsonc': manifestText(),
    'web/src/main.ts': `import { a } from 'a';\nexport default { fetch: () => new Response(a), async fetch() {} };`,
    'web/node_modules/a': '-> .pnpm/a@1/node_modules/a',
    [`${store}/a@1/node_modules/a/package.json`]: '{"name":"a","main":"i.js","type":"module"}',
    [`${store}/a@1/node_modules/a/i.js`]: 'import { b } from "b"; export const a = "a+" + b;',
    [`${store}/a@1/node_modules/b`]: '-> ../../b@1/node_modules/b',
    [`${store}/b@1/node_modules/b/package.json`]: '{"name":"b","main":"i.js","type":"module"}',
    [`${store}/b@1/node_modules/b/i.js`]: 'export const b = "from-b";',
  });
  const { archive, files } = await collect(join(folder, 'web'));
  assert.ok(files.includes('node_modules/.pnpm/b@1/node_modules/b/i.js'));
  const { deployment } = await deployer.deploy('shop', archive, live);
  assert.match(new TextDecoder().decode(await objects.get(deployment.functions[0]?.bundle ?? '')), /from-b/);
});
