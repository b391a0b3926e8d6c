import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { findDeno } from '../deno.ts';
import { LAUNCHER_ADDRESS, LAUNCHER_END, makeLauncher } from './launcher.ts';
import { makeRuntimeRoot } from './runtime-root.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-root-'));
  chmodSync(directory, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const options = () => ({ directory, binary: findDeno(), launcher: Buffer.from('elf'), harness: 'code' });

test('a root has what the runtime needs and nothing else, and everyone can enter it', async () => {
  const root = await makeRuntimeRoot(options());
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  const expected = ['/bin/deno', '/bin/launcher', '/harness.js', '/proc/self/exe'];
  for (const path of expected) assert.ok(files.includes(path), path);
  for (const path of files.filter((file) => !expected.includes(file))) {
    assert.match(path, /^\/(usr\/)?lib(64)?\/.*\.so(\.\d+)?$/);
  }
  assert.equal(readFileSync(join(root, 'harness.js'), 'utf8'), 'code');
  for (const path of ['/', '/bin', '/proc/self', '/bin/deno', '/bin/launcher']) {
    assert.equal(statSync(join(root, path)).mode & 0o777, 0o755, path);
  }
});

test('the same content gives the same root, made once; other content gives another', async () => {
  const [one, same] = await Promise.all([makeRuntimeRoot(options()), makeRuntimeRoot(options())]);
  assert.equal(one, same);
  const made = statSync(join(one, 'harness.js')).ino;
  assert.equal(await makeRuntimeRoot(options()), one);
  assert.equal(statSync(join(one, 'harness.js')).ino, made);
  assert.notEqual(await makeRuntimeRoot({ ...options(), harness: 'other' }), one);
  assert.notEqual(await makeRuntimeRoot({ ...options(), launcher: Buffer.from('other') }), one);
  assert.equal(readdirSync(directory).length, 3);
});

test('a root that cannot be made leaves nothing behind', async () => {
  const missing = { path: join(directory, 'missing'), version: '0' };
  await assert.rejects(makeRuntimeRoot({ ...options(), binary: missing }), /ENOENT/);
  assert.deepEqual(readdirSync(directory), []);
});

test(
  'root is told when the users of sandboxes cannot enter',
  { skip: process.getuid?.() !== 0 },
  async () => {
    chmodSync(directory, 0o700);
    await assert.rejects(
      makeRuntimeRoot({ ...options(), directory: join(directory, 'below') }),
      /cannot enter/,
    );
    chmodSync(directory, 0o711);
    await assert.doesNotReject(makeRuntimeRoot({ ...options(), directory: join(directory, 'below') }));
  },
);

test('the launcher starts the path it was made for with its other arguments and its environment', () => {
  // A filter that allows everything: load nothing, return ALLOW.
  const allow = Buffer.from('060000000000ff7f', 'hex');
  const launch = (path: string, limits: Parameters<typeof makeLauncher>[1] = []): string => {
    const launcher = join(directory, 'launcher');
    const { file } = makeLauncher(path, [{ resource: 4, value: 0n }, ...limits], () => allow);
    assert.ok(LAUNCHER_ADDRESS + file.length <= LAUNCHER_END);
    if (existsSync(launcher)) rmSync(launcher);
    execFileSync('tee', [launcher], { input: file, stdio: ['pipe', 'ignore', 'inherit'] });
    chmodSync(launcher, 0o755);
    const script =
      'echo "$0 $1 $A"; ulimit -c; ulimit -n; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status';
    return execFileSync(launcher, ['sh', '-c', script, 'zero', 'one two'], {
      env: { A: 'b' },
      encoding: 'utf8',
    });
  };
  const lines = launch('/bin/sh', [{ resource: 7, value: 20n }])
    .trim()
    .split('\n');
  assert.deepEqual(lines.slice(0, 3), ['zero one two b', '0', '20']);
  assert.deepEqual(
    lines.slice(3).map((line) => line.split(/\s+/).join(' ')),
    ['NoNewPrivs: 1', 'Seccomp: 2'],
  );
  assert.throws(
    () => launch('/no/such/program'),
    (thrown: { status?: unknown }) => thrown.status === 125,
  );
  assert.throws(
    () => launch('/bin/sh', [{ resource: 99, value: 0n }]),
    (thrown: { status?: unknown }) => thrown.status === 125,
  );
});

test('a launcher that would not fit its pages is refused', () => {
  const filter = (bytes: number): Buffer => Buffer.alloc(bytes);
  assert.throws(() => makeLauncher('/a', [], () => filter(0x4000)), /larger than its pages/);
  assert.doesNotThrow(() => makeLauncher('/a', [], () => filter(0x3000)));
});
