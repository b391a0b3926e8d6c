import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { extract } from 'tar-stream';
import { failureOf, manifestText, temporaryFolder, writeTree } from '../deploy.fixture.ts';
import { collect, createCollector } from './index.ts';

const HELLO = 'export default { fetch() { return new Response("hello"); } };';

async function app(test: TestContext, files: Record<string, string>, at = ''): Promise<string> {
  const folder = join(await temporaryFolder(test), 'root');
  await writeTree(folder, {
    [join(at, 'cordon.jsonc')]: manifestText(),
    [join(at, 'src/main.ts')]: HELLO,
    ...files,
  });
  return join(folder, at);
}

async function contentsOf(archive: Uint8Array): Promise<Map<string, string>> {
  const tar = extract();
  tar.end(archive);
  const contents = new Map<string, string>();
  for await (const entry of tar) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry) chunks.push(chunk as Uint8Array);
    assert.equal(entry.header.type, 'file');
    contents.set(entry.header.name, Buffer.concat(chunks).toString());
  }
  return contents;
}

test('only what is imported and what decides how is collected', async (t) => {
  const folder = await app(t, {
    'src/main.ts': `import { x } from './x.ts'; import dep from 'dep/part';\n${HELLO} export const y = [x, dep];`,
    'src/x.ts': 'export const x = 1;',
    'src/unused.ts': 'syntax error here(',
    '.env': 'SECRET=1',
    'package.json': '{}',
    'package-lock.json': '{}',
    'tsconfig.json': '{ "extends": "./config/base.json", }',
    'config/base.json': '{ "extends": "@tsconfig/x/strict.json" }',
    'node_modules/@tsconfig/x/strict.json': '{}',
    'node_modules/dep/package.json': '{"name":"dep"}',
    'node_modules/dep/part/package.json': '{"main":"../dist/part.js"}',
    'node_modules/dep/dist/part.js': 'module.exports = 1;',
    'node_modules/dep/dist/unused.js': '',
  });
  const collected = await collect(folder);
  assert.deepEqual(collected.files, [
    'config/base.json',
    'cordon.jsonc',
    'node_modules/@tsconfig/x/strict.json',
    'node_modules/dep/dist/part.js',
    'node_modules/dep/package.json',
    'node_modules/dep/part/package.json',
    'package-lock.json',
    'package.json',
    'src/main.ts',
    'src/x.ts',
    'tsconfig.json',
  ]);
  const contents = await contentsOf(collected.archive);
  assert.deepEqual([...contents.keys()], collected.files);
  assert.equal(contents.get('src/x.ts'), 'export const x = 1;');
  assert.deepEqual((await collect(folder)).archive, collected.archive, 'the same files give the same bytes');
});

test('packages of a workspace around the app are collected, other files outside are refused', async (t) => {
  const files = {
    'node_modules/hoisted/package.json': '{"name":"hoisted","main":"i.js"}',
    'node_modules/hoisted/i.js': 'module.exports = 1;',
    'node_modules/lib': '-> ../packages/lib',
    'packages/lib/package.json': '{"name":"lib","main":"i.ts"}',
    'packages/lib/i.ts': 'export const lib: number = 1;',
    'packages/loose.ts': 'export const loose = 1;',
    'packages/web/src/main.ts': `import 'hoisted'; import { lib } from 'lib';\n${HELLO} export const y = lib;`,
  };
  const folder = await app(t, files, 'packages/web');
  const { archive } = await collect(folder);
  const contents = await contentsOf(archive);
  assert.deepEqual(JSON.parse(contents.get('.cordon/archive.json') ?? ''), {
    version: 1,
    app: 'packages/web',
    links: { 'node_modules/lib': 'packages/lib' },
  });
  assert.ok(contents.has('packages/lib/i.ts') && contents.has('packages/lib/package.json'));
  assert.ok(contents.has('packages/web/cordon.jsonc') && contents.has('node_modules/hoisted/i.js'));
  await writeTree(folder, {
    'src/main.ts': `import { loose } from '../../loose.ts';\n${HELLO} export const y = loose;`,
  });
  const error = await failureOf(collect(folder));
  assert.equal(error.code, 'CORDON_BUNDLE_FAILED');
  assert.match(error.message, /outside of the app folder, to \.\.\/loose\.ts/);
});

test('a collector sees changes of code and manifest, and goes on after an error', async (t) => {
  const folder = await app(t, {});
  const collector = createCollector(folder);
  t.after(() => collector.close());
  const first = await collector.collect();
  await writeTree(folder, { 'src/main.ts': 'export default {' });
  const error = await failureOf(collector.collect());
  assert.equal(error.code, 'CORDON_BUNDLE_FAILED');
  assert.match(error.message, /src\/main\.ts:1:17/);
  await writeTree(folder, { 'src/main.ts': `import './new.ts';\n${HELLO}`, 'src/new.ts': '' });
  const second = await collector.collect();
  assert.ok(second.files.includes('src/new.ts') && !first.files.includes('src/new.ts'));
  await writeTree(folder, { 'cordon.jsonc': manifestText({ other: 'src/new.ts' }) });
  assert.deepEqual((await collector.collect()).files, ['cordon.jsonc', 'src/new.ts']);
});

test('a missing manifest, entry or import is named', async (t) => {
  const folder = await app(t, { 'src/main.ts': `\nimport 'nowhere';\n${HELLO}` });
  const missing = await failureOf(collect(folder));
  assert.equal(missing.code, 'CORDON_IMPORT_MISSING');
  assert.match(missing.message, /src\/main\.ts:2:8: Could not resolve "nowhere"[^]*npm install nowhere/);
  await rm(join(folder, 'src/main.ts'));
  assert.equal((await failureOf(collect(folder))).code, 'CORDON_ENTRY_MISSING');
  await rm(join(folder, 'cordon.jsonc'));
  assert.equal((await failureOf(collect(folder))).code, 'CORDON_MANIFEST_MISSING');
});
