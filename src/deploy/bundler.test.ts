import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { failureOf, filesTar, HELLO, live, manifestText, setUp } from './deploy.fixture.ts';
import { createDeployer } from './index.ts';

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
