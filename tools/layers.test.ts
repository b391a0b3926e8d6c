import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { checkLayers } from './layers.ts';
import { checkSizes } from './size.ts';

const RULES = {
  layers: [['contract'], ['store', 'object'], ['server'], ['cli']],
  only: { cli: { contract: 'all', store: 'types' } },
  entries: ['store/collect.ts'],
};

/** A tree of files that passes, with `files` on top of it. */
function tree(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'cordon-layers-'));
  t.after(() => rmSync(root, { recursive: true }));
  const all: Record<string, string> = {
    'package.json': '{ "dependencies": { "zod": "4.0.0" }, "devDependencies": { "hono": "4.0.0" } }',
    'tools/layers.json': JSON.stringify(RULES),
    'tools/dependencies.json': JSON.stringify({
      zod: { reason: 'schemas of the contract', in: ['src/contract'] },
      hono: { reason: 'an app in the examples', in: ['src/server', 'examples'] },
    }),
    'src/contract/index.ts': `import { z } from 'zod';\nexport const schema = z;\n`,
    'src/store/port.ts': 'export interface Store {}\n',
    'src/store/collect.ts': 'export const collect = 1;\n',
    'src/store/index.ts': `import { schema } from '../contract/index.ts';\nexport const store = schema;\n`,
    'src/object/index.ts': 'export const object = 1;\n',
    'src/server/index.ts': `export { store } from '../store/index.ts';\n`,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function assertProblem(problems: string[], expected: RegExp): void {
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0] ?? '', expected);
}

test('a tree whose imports go downward through index.ts passes', (t) => {
  assert.deepEqual(checkLayers(tree(t, {})), []);
});

test('an import of a layer above is refused, with its line', (t) => {
  const root = tree(t, {
    'src/contract/x.ts': `const a = 1;\nexport { a };\nimport '../server/index.ts';\n`,
  });
  assertProblem(
    checkLayers(root).filter((line) => !line.startsWith('cycle')),
    /^src\/contract\/x\.ts:3: src\/contract may not import upward from src\/server$/,
  );
});

test('an import of a neighbour in the same layer is refused', (t) => {
  const root = tree(t, { 'src/object/x.ts': `import '../store/index.ts';\n` });
  assertProblem(checkLayers(root), /src\/object may not import upward from src\/store/);
});

test('an upward import is refused even when it is written as a call, a type or a re-export', (t) => {
  for (const text of [
    `export const x = await import('../server/index.ts');\n`,
    `import type { store } from '../server/index.ts';\nexport type X = typeof store;\n`,
    `export { store } from '../server/index.ts';\n`,
  ]) {
    assertProblem(checkLayers(tree(t, { 'src/object/x.ts': text })), /may not import upward/);
  }
});

test('a deep import is refused, a listed entry and the types of a port are not', (t) => {
  const deep = tree(t, {
    'src/server/x.ts': `import { store } from '../store/sqlite.ts';\nexport { store };\n`,
  });
  assertProblem(checkLayers(deep), /reaches past src\/store\/index\.ts/);
  const port = tree(t, { 'src/server/x.ts': `import '../store/port.ts';\n` });
  assertProblem(checkLayers(port), /reaches past src\/store\/index\.ts/);
  const fine = tree(t, {
    'src/server/x.ts': `import type { Store } from '../store/port.ts';\nimport '../store/collect.ts';\nexport type X = Store;\n`,
  });
  assert.deepEqual(checkLayers(fine), []);
});

test('a folder with an `only` rule may import what it names and nothing else', (t) => {
  const types = `import type { Store } from '../store/port.ts';\nexport type X = Store;\n`;
  assert.deepEqual(checkLayers(tree(t, { 'src/cli/x.ts': types })), []);
  assertProblem(
    checkLayers(tree(t, { 'src/cli/x.ts': `import '../store/index.ts';\n` })),
    /only types from src\/store/,
  );
  assertProblem(
    checkLayers(tree(t, { 'src/cli/x.ts': `import '../object/index.ts';\n` })),
    /may not import src\/object/,
  );
});

test('a folder without a place in the order is refused', (t) => {
  assertProblem(checkLayers(tree(t, { 'src/utils/x.ts': 'export {};\n' })), /src\/utils has no place/);
});

test('a cycle at run time is refused, a cycle of types is not', (t) => {
  const b = `import { a } from './a.ts';\nexport const b = () => a;\n`;
  const cycle = tree(t, {
    'src/store/a.ts': `import { b } from './b.ts';\nexport const a = b;\n`,
    'src/store/b.ts': b,
  });
  assertProblem(checkLayers(cycle), /^cycle: src\/store\/a\.ts → src\/store\/b\.ts → src\/store\/a\.ts$/);
  const types = tree(t, {
    'src/store/a.ts': `import type { b } from './b.ts';\nexport const a = 1 as unknown as typeof b;\n`,
    'src/store/b.ts': b,
  });
  assert.deepEqual(checkLayers(types), []);
});

test('a package is refused outside of its folders', (t) => {
  assertProblem(
    checkLayers(tree(t, { 'src/store/x.ts': `import 'zod/v4';\n` })),
    /zod may not be imported here/,
  );
  assertProblem(
    checkLayers(tree(t, { 'src/store/x.ts': `import 'left-pad';\n` })),
    /left-pad may not be imported here/,
  );
});

test('a development dependency is refused in the product but not in its tests', (t) => {
  assertProblem(
    checkLayers(tree(t, { 'src/server/x.ts': `import 'hono';\n` })),
    /hono is a development dependency/,
  );
  assert.deepEqual(checkLayers(tree(t, { 'src/server/x.test.ts': `import 'hono';\n` })), []);
});

test('a dependency without a reason, a reason without a dependency and a range are refused', (t) => {
  const root = tree(t, { 'package.json': '{ "dependencies": { "zod": "^4.0.0", "ws": "8.0.0" } }' });
  const problems = checkLayers(root);
  assert.equal(problems.length, 3, problems.join('\n'));
  assert.ok(problems.includes('package.json: ws has no reason in tools/dependencies.json'));
  assert.ok(problems.includes('package.json: zod is not pinned to one version'));
  assert.ok(problems.includes('tools/dependencies.json: hono is not in package.json'));
});

test('a file of 300 lines of code passes and one of 301 fails, whatever its comments', (t) => {
  const comments = '// why\n\n/* more\n   of it */\n'.repeat(50);
  const lines = (count: number): string => comments + 'export {};\n'.repeat(count);
  assert.deepEqual(checkSizes(tree(t, { 'src/store/x.ts': lines(300) })), []);
  assertProblem(
    checkSizes(tree(t, { 'src/store/x.ts': lines(301) })),
    /src\/store\/x\.ts: 301 lines of code/,
  );
});

test('a function of 70 lines of code passes and one of 71 fails, outside of tests', (t) => {
  const body = (count: number): string =>
    `export function f() {\n${'  // why\n  void 0;\n'.repeat(count - 2)}}\n`;
  assert.deepEqual(checkSizes(tree(t, { 'src/store/x.ts': body(70) })), []);
  assert.deepEqual(checkSizes(tree(t, { 'src/store/x.test.ts': body(71) })), []);
  assertProblem(
    checkSizes(tree(t, { 'src/store/x.ts': body(71) })),
    /src\/store\/x\.ts:1: f has 71 lines of code/,
  );
});

test('a test may use the fixtures of a layer below, and the product may not', (t) => {
  const fixture = {
    'src/store/store.fixture.ts': 'export const fake = 1;\n',
    'src/object/index.ts': 'export {};\n',
  };
  const text = `import { fake } from '../store/store.fixture.ts';\nexport { fake };\n`;
  assert.deepEqual(checkLayers(tree(t, { ...fixture, 'src/cli/x.test.ts': text })), []);
  assertProblem(
    checkLayers(tree(t, { ...fixture, 'src/server/x.ts': text })),
    /reaches past src\/store\/index\.ts/,
  );
});
