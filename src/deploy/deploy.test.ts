import assert from 'node:assert/strict';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runInThisContext } from 'node:vm';
import { CordonError } from '../contract/index.ts';
import { openFileObjectStore } from '../object/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { collect } from './collect.ts';
import { Catalogue, createDeployer, type BundleChecker, type DeployerOptions } from './index.ts';
import { failureOf, filesTar, manifestText, temporaryFolder, writeTree } from './deploy.fixture.ts';

const HELLO = 'export default { fetch(): Response { return new Response("hello"); } };';

/** Stands for the sandbox: says what a bundle seems to export, without running it. */
const checker: BundleChecker = {
  check: async (bundle) => {
    const code = new TextDecoder().decode(bundle);
    return {
      handlers: ['fetch', 'scheduled'].filter((name) => code.includes(`${name}(`)),
      codeCache: new Uint8Array([1]),
    };
  },
};

async function setUp(test: TestContext, more: Partial<DeployerOptions> = {}) {
  const folder = await temporaryFolder(test);
  const store = await openSqliteStore({ path: join(folder, 'cordon.sqlite') });
  test.after(() => store.close());
  const objects = await openFileObjectStore({ path: join(folder, 'objects') });
  const catalogue = await Catalogue.open({ store, findConflicts: () => [] });
  const stagingFolder = join(folder, 'staging');
  const options = { catalogue, objects, checker, stagingFolder, confines: true, runtime: 'deno-1', ...more };
  const deployer = await createDeployer(options);
  test.after(() => deployer.close());
  const leftovers = async () => [
    ...(await readdir(join(stagingFolder, 'unpacked'))),
    ...(await readdir(join(stagingFolder, 'build/sources')).catch(() => [])),
  ];
  return { folder, store, objects, catalogue, deployer, options, leftovers };
}

const live = { canary: null };

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

test('top-level await makes a module, and CommonJS packages still find their builtins', async (t) => {
  const { deployer, objects } = await setUp(t);
  const archive = await filesTar({
    'cordon.jsonc': manifestText(),
    'src/main.ts': `import dep from 'dep';\nconst x = await Promise.resolve(dep);\nexport default { fetch() { return new Response(x); } };`,
    'node_modules/dep/package.json': '{"name":"dep","main":"i.js"}',
    'node_modules/dep/i.js': 'module.exports = require("path").basename("/a/b");',
  });
  const { deployment } = await deployer.deploy('shop', archive, live);
  assert.equal(deployment.functions[0]?.format, 'module');
  const code = new TextDecoder().decode(await objects.get(deployment.functions[0].bundle));
  assert.match(code, /getBuiltinModule/);
  assert.match(code, /"node:path"/);
});

test('WebAssembly becomes a module, and native addons are refused with the reason', async (t) => {
  const { deployer, objects } = await setUp(t);
  const files = {
    'cordon.jsonc': manifestText({ main: 'src/main.js' }),
    'src/main.js': `import wasm from './add.wasm';\nexport default { fetch(){ return wasm; } };`,
    'src/add.wasm': new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
  };
  const { deployment } = await deployer.deploy('shop', await filesTar(files), live);
  const code = new TextDecoder().decode(await objects.get(deployment.functions[0]?.bundle ?? ''));
  const module: { exports: { default?: { fetch(): unknown } } } = { exports: {} };
  const run = runInThisContext(`(function(exports,require,module){${code}\n})`) as (
    ...args: unknown[]
  ) => void;
  run(module.exports, null, module);
  assert.equal(
    Object.prototype.toString.call(module.exports.default?.fetch()),
    '[object WebAssembly.Module]',
  );
  const addon = {
    ...files,
    'src/main.js': `import a from './a.node';\nexport default { fetch(){ return a; } };`,
    'src/a.node': 'x',
  };
  const error = await failureOf(deployer.deploy('shop', await filesTar(addon), live));
  assert.equal(error.code, 'CORDON_BUNDLE_FAILED');
  assert.match(error.message, /Native addons/);
});

test('JSX follows tsconfig.json', async (t) => {
  const { deployer, objects } = await setUp(t);
  const archive = await filesTar({
    'cordon.jsonc': manifestText({ main: 'src/main.tsx' }),
    'tsconfig.json': '{"compilerOptions":{"jsx":"react-jsx","jsxImportSource":"tiny"}}',
    'src/main.tsx': 'export default { fetch(){ return <p/>; } };',
    'node_modules/tiny/package.json': '{"name":"tiny","exports":{"./jsx-runtime":"./jsx.js"}}',
    'node_modules/tiny/jsx.js': 'export const jsx = (tag) => "tiny-" + tag;',
  });
  const { deployment } = await deployer.deploy('shop', archive, live);
  assert.match(new TextDecoder().decode(await objects.get(deployment.functions[0]?.bundle ?? '')), /tiny-/);
});

const REFUSED: readonly {
  title: string;
  files: Record<string, string>;
  code: string;
  says: RegExp;
  place?: [string, number, number];
}[] = [
  {
    title: 'no manifest',
    files: { 'cordon.jsonc': '' },
    code: 'CORDON_MANIFEST_SYNTAX',
    says: /cordon\.jsonc:1:1/,
  },
  {
    title: 'a manifest of another app',
    files: { 'cordon.jsonc': manifestText(undefined, 'other') },
    code: 'CORDON_MANIFEST_INVALID',
    says: /"other"/,
  },
  {
    title: 'a broken manifest',
    files: { 'cordon.jsonc': '{ "name": shop }' },
    code: 'CORDON_MANIFEST_SYNTAX',
    says: /1:11/,
  },
  {
    title: 'an entry that does not exist',
    files: { 'cordon.jsonc': manifestText({ main: 'src/nope.ts' }) },
    code: 'CORDON_ENTRY_MISSING',
    says: /src\/nope\.ts does not exist/,
  },
  {
    title: 'a syntax error',
    files: { 'src/main.ts': 'const a = 1;\n  const = 2;\nexport default {};' },
    code: 'CORDON_BUNDLE_FAILED',
    says: /src\/main\.ts:2:9: Expected identifier[^]*> 2 \|   const = 2;\n {4}\| {9}\^/,
    place: ['src/main.ts', 2, 9],
  },
  {
    title: 'an import that does not exist',
    files: { 'src/main.ts': `/* é */ import x from 'left-pad';\nexport default { fetch: x };` },
    code: 'CORDON_IMPORT_MISSING',
    says: /npm install left-pad/,
    place: ['src/main.ts', 1, 23],
  },
  {
    title: 'an import from a URL',
    files: { 'src/main.ts': `import x from 'https://esm.sh/x';\nexport default { fetch: x };` },
    code: 'CORDON_IMPORT_MISSING',
    says: /never fetched/,
  },
  {
    title: 'a module of another platform',
    files: {
      'src/main.ts': `import { connect } from 'cloudflare:sockets';\nexport default { fetch: connect };`,
    },
    code: 'CORDON_IMPORT_MISSING',
    says: /other platforms/,
  },
  {
    title: 'a function with a route but without fetch',
    files: { 'src/main.ts': 'export default { scheduled() {} };' },
    code: 'CORDON_HANDLER_INVALID',
    says: /no `fetch` handler/,
  },
];

test('what cannot be deployed is refused at its place, and nothing is left of it', async (t) => {
  const { deployer, catalogue, leftovers } = await setUp(t);
  for (const { title, files, code, says, place } of REFUSED) {
    await t.test(title, async () => {
      const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO, ...files });
      const error = await failureOf(deployer.deploy('shop', archive, live));
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /stg_/);
      if (place !== undefined) {
        const [problem] = error.details['problems'] as { file: string; line: number; column: number }[];
        assert.deepEqual([problem?.file, problem?.line, problem?.column], place);
      }
      assert.deepEqual(catalogue.apps(), []);
      assert.deepEqual(await leftovers(), []);
    });
  }
  const fine = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  await deployer.deploy('shop', fine, live);
});

test('a bundle at the limit is accepted and one byte more is refused', async (t) => {
  const plain = await setUp(t);
  const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  const { deployment } = await plain.deployer.deploy('shop', archive, live);
  const bytes = deployment.functions[0]?.bundleBytes ?? 0;
  const fits = await setUp(t, { limits: { bundleBytesMax: bytes } });
  await fits.deployer.deploy('shop', archive, live);
  const small = await setUp(t, { limits: { bundleBytesMax: bytes - 1 } });
  const error = await failureOf(small.deployer.deploy('shop', archive, live));
  assert.equal(error.code, 'CORDON_BUNDLE_TOO_LARGE');
  assert.match(error.message, /src\/main\.ts \(\d+ bytes\)/);
});

test('a build that takes too long is killed, and the next one works', async (t) => {
  const { options } = await setUp(t);
  const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  const limits = { buildTimeoutMs: 0 };
  const deployer = await createDeployer({ ...options, limits });
  t.after(() => deployer.close());
  const error = await failureOf(deployer.deploy('shop', archive, live));
  assert.equal(error.code, 'CORDON_BUNDLE_FAILED');
  assert.match(error.message, /within 0 ms/);
  limits.buildTimeoutMs = 30_000;
  await deployer.deploy('shop', archive, live);
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

for (const confines of [true, false]) {
  test(`no import reaches the sources of another deploy or the machine (${confines ? 'sandboxed' : 'plain'})`, async (t) => {
    const { deployer, folder, leftovers } = await setUp(t, { confines });
    await writeTree(folder, {
      'staging/build/sources/stg_victim/secret.js': 'export const secret = "SEALED";',
      'staging/build/sources/stg_victim/broken.js': 'const SEALED = = 1;',
      'staging/unpacked/stg_victim/secret.js': 'export const secret = "SEALED";',
    });
    const guesses = [
      `import { secret } from '../../stg_victim/secret.js'`,
      `import { secret } from '../../stg_victim/broken.js'`,
      `import { secret } from '../../../../unpacked/stg_victim/secret.js'`,
      `const secret = await import(\`../../\${Math.random()}/secret.js\`)`,
      `import secret from '/etc/os-release' with { type: 'text' }`,
    ];
    for (const [index, guess] of guesses.entries()) {
      const archive = await filesTar({
        'cordon.jsonc': manifestText(),
        'src/main.ts': `${guess};\nexport default { fetch: () => secret };`,
      });
      const outcome = await deployer.deploy('shop', archive, live).catch((thrown: unknown) => thrown);
      assert.ok(outcome instanceof CordonError, `guess ${index} was deployed`);
      assert.match(outcome.code, /^CORDON_(IMPORT_MISSING|BUNDLE_FAILED)$/);
      assert.doesNotMatch(JSON.stringify([outcome.message, outcome.details]), /SEALED/);
    }
    assert.deepEqual(await leftovers(), ['stg_victim', 'stg_victim']);
    const fine = await filesTar({
      'cordon.jsonc': manifestText(),
      'src/main.ts': `import './own.ts';\n${HELLO}`,
      'src/own.ts': '',
    });
    await deployer.deploy('shop', fine, live);
  });
}

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
