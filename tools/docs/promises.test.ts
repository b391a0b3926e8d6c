import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { checkCommands } from './commands.ts';
import { checkPromises } from './promises.ts';
import { limitsMarkdown } from './tables.ts';

function project(t: TestContext, spec: string, readme = ''): string {
  const root = mkdtempSync(join(tmpdir(), 'cordon-docs-'));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'src'));
  mkdirSync(join(root, 'docs'));
  writeFileSync(
    join(root, 'src/a.test.ts'),
    `test('a door is shut', () => {});\ntest("it's locked", () => {});\n`,
  );
  writeFileSync(join(root, 'SPEC.md'), spec);
  writeFileSync(join(root, 'README.md'), readme);
  writeFileSync(join(root, 'docs/CLI.md'), '## cordon up\n');
  writeFileSync(join(root, 'package.json'), '{ "scripts": { "test": "true", "tour": "true" } }');
  return root;
}

test('a promise that names an existing test passes, as a link or by file and title', (t) => {
  const spec = [
    '# Spec',
    '- **P-DOOR-1** Shut. [`a door is shut`](src/a.test.ts)',
    '- **P-DOOR-2** Locked.',
    "  `src/a.test.ts`: `it's locked`",
  ].join('\n');
  assert.deepEqual(checkPromises(project(t, spec), 'SPEC.md'), []);
});

test('a promise without a test, with a missing test or a missing file is refused', (t) => {
  const check = (line: string): string[] => checkPromises(project(t, line), 'SPEC.md');
  assert.deepEqual(check('P-DOOR-1 Shut.'), ['SPEC.md: P-DOOR-1 names no test']);
  assert.deepEqual(check('P-DOOR-1 [`a door`](src/a.test.ts)'), [
    'SPEC.md: P-DOOR-1 names a test that src/a.test.ts does not have: a door',
  ]);
  assert.deepEqual(check('P-DOOR-1 [`a door is shut`](src/b.test.ts)'), [
    'SPEC.md: P-DOOR-1 names src/b.test.ts, which does not exist',
  ]);
});

test('a number that is used twice is refused, and a heading ends a promise', (t) => {
  const line = 'P-DOOR-1 [`a door is shut`](src/a.test.ts)';
  assert.deepEqual(checkPromises(project(t, `${line}\n${line}`), 'SPEC.md'), [
    'SPEC.md: P-DOOR-1 is there twice',
  ]);
  const heading = 'P-DOOR-1 Shut.\n## Tests\n[`a door is shut`](src/a.test.ts)';
  assert.deepEqual(checkPromises(project(t, heading), 'SPEC.md'), ['SPEC.md: P-DOOR-1 names no test']);
});

test('a shell block may use scripts and commands that exist and no others', (t) => {
  const check = (block: string): string[] =>
    checkCommands(project(t, '', `\`\`\`sh\n${block}\n\`\`\`\n`), ['README.md']);
  assert.deepEqual(check('npm ci && npm run tour && npm test\nbin/cordon up &\ncordon up # a comment'), []);
  assert.deepEqual(check('npm ci && npm run deploy'), ['README.md: package.json has no script deploy']);
  assert.deepEqual(check('bin/cordon fly'), ['README.md: there is no command cordon fly']);
});

test('limits are shown in whole units', () => {
  const row = (value: number, unit: string): string =>
    limitsMarkdown({ x: { value, unit, why: 'w' } })
      .trim()
      .split('\n')
      .at(-1) ?? '';
  assert.equal(row(65_536, 'bytes'), '| `x` | 64 KiB | w |');
  assert.equal(row(1_052_672, 'bytes'), '| `x` | 1,028 KiB | w |');
  assert.equal(row(10_000, 'ms'), '| `x` | 10 s | w |');
  assert.equal(row(100, 'ms'), '| `x` | 100 ms | w |');
  assert.equal(row(10_000, 'count'), '| `x` | 10,000 | w |');
});
