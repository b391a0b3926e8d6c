import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';

/** A machine whose only programs are these shell scripts; `installs` is one that brings bwrap. */
function machine(
  t: TestContext,
  programs: Record<string, string>,
): { folder: string; setup: () => ReturnType<typeof run> } {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-setup-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // A user who is not root goes by sudo.
  for (const [name, script] of Object.entries({ sudo: 'exec "$@"', ...programs })) {
    writeFileSync(join(folder, name), `#!/bin/sh\nHERE=${folder}\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { folder, setup: () => run(folder) };
}

function run(path: string): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'setup.ts')], {
    env: { PATH: path },
    encoding: 'utf8',
  });
  return { status, stderr };
}

/** Notes how it was called, and brings bwrap when it is told to install it. */
const INSTALLS = `[ "$1" = --version ] && exit 0
echo "$*" >> $HERE/calls
case "$*" in *bubblewrap*) printf '#!/bin/sh\\n' > $HERE/bwrap; /bin/chmod 755 $HERE/bwrap;; esac`;

test('setup says nothing and does nothing where bubblewrap is there', (t) => {
  const { folder, setup } = machine(t, { bwrap: 'true', 'apt-get': INSTALLS });
  assert.deepEqual(setup(), { status: 0, stderr: '' });
  assert.equal(existsSync(join(folder, 'calls')), false);
});

test('setup installs bubblewrap with the package manager of the machine, says so, and needs it once', (t) => {
  const { folder, setup } = machine(t, { 'apt-get': INSTALLS });
  const { status, stderr } = setup();
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Installing bubblewrap: .*apt-get install/);
  assert.match(readFileSync(join(folder, 'calls'), 'utf8'), /^update.*\ninstall -y .*bubblewrap\n$/);
  assert.deepEqual(setup(), { status: 0, stderr: '' });
});

test('setup fails where the package manager brings nothing', (t) => {
  const { status, stderr } = machine(t, { dnf: 'exit 0' }).setup();
  assert.equal(status, 1);
  assert.match(stderr, /could not be installed/);
});

test('setup says what is missing where there is no package manager that it knows', (t) => {
  const { status, stderr } = machine(t, {}).setup();
  assert.equal(status, 1);
  assert.match(stderr, /needs bubblewrap/);
});
