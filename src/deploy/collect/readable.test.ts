import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseManifest } from '../../manifest/index.ts';
import { failureOf, manifestText, temporaryFolder, writeTree } from '../deploy.fixture.ts';
import { bundleReadable } from './index.ts';

test('every entry becomes one module that can be read, with places in the sources', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTree(folder, {
    'src/a.ts': `import { used } from './shared.ts';\nexport default { fetch: (request: Request) => used(request) };`,
    'src/shared.ts': 'export const used = (request: Request): string => {\n  return request.url;\n};',
    'src/b.ts': 'await Promise.resolve();\nexport default { fetch() {} };',
  });
  const text = manifestText({ a: 'src/a.ts', again: 'src/a.ts', b: 'src/b.ts' });
  const bundles = await bundleReadable(folder, parseManifest(text));
  assert.deepEqual([...bundles.keys()].toSorted(), ['src/a.ts', 'src/b.ts']);
  const a = bundles.get('src/a.ts');
  assert.ok(a);
  assert.match(a.code, /var used = \(request\) => \{\n {2}return request\.url;\n\};/);
  assert.deepEqual((a.sourceMap as { sources: string[] }).sources, ['src/shared.ts', 'src/a.ts']);
});

test('code that does not build is refused at its place', async (t) => {
  const folder = await temporaryFolder(t);
  await writeTree(folder, { 'src/main.ts': 'const = 2;' });
  const error = await failureOf(bundleReadable(join(folder), parseManifest(manifestText())));
  assert.equal(error.code, 'CORDON_BUNDLE_FAILED');
  assert.match(error.message, /src\/main\.ts:1:7/);
});
