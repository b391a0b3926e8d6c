import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { confinedTool } from './index.ts';

const MIB = 1024 * 1024;
const binary = createRequire(import.meta.url).resolve(
  `@esbuild/${process.platform}-${process.arch}/bin/esbuild`,
);
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-tool-'));
  chmodSync(folder, 0o755);
  for (const name of ['seen', 'unseen']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'a.js'), `console.log('${name}')`);
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

function run(args: readonly string[], memoryBytesMax?: number, input = '') {
  const readOnly = [{ host: join(folder, 'seen'), guest: '/src' }];
  const [file = '', ...rest] = confinedTool({
    binary,
    readOnly,
    ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
  });
  return spawnSync(file, [...rest, ...args], { encoding: 'utf8', input });
}

test('a tool reads the folders that it is given and what comes on its input, and writes to its output', () => {
  assert.match(run(['/src/a.js']).stdout, /console\.log\("seen"\)/);
  assert.match(run([], undefined, 'let a = 1 + 1').stdout, /let a = 1 \+ 1/);
});

test('a tool sees nothing else and can write nothing', () => {
  assert.notEqual(run([join(folder, 'unseen/a.js')]).status, 0);
  assert.notEqual(run(['/etc/passwd', '--loader=text']).status, 0);
  assert.notEqual(run(['/src/a.js', '--outfile=/src/b.js']).status, 0);
  assert.notEqual(run(['/src/a.js', '--outfile=/b.js']).status, 0);
});

test('a tool that exceeds its memory limit is ended', () => {
  const call = "a('x', (b) => c + [1, 2, 3], function d() {})\n";
  assert.equal(run(['--minify'], 64 * MIB, call).status, 0);
  assert.notEqual(run(['--minify'], 64 * MIB, call.repeat(400_000)).status, 0);
});
