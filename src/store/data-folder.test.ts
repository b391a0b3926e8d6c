import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDataFolder } from './data-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-data-'));
after(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root, 'deep', `${folders}`);
}

/** Another process that owns the folder and has a child of its own that outlives it. */
async function startOwner(path: string): Promise<{ owner: ChildProcess; child: number }> {
  const code = `
    import { spawn } from 'node:child_process';
    import { openDataFolder } from ${JSON.stringify(new URL('./data-folder.ts', import.meta.url).href)};
    openDataFolder(${JSON.stringify(path)});
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    console.log(child.pid);
    setInterval(() => globalThis.gc?.(), 10);`;
  const owner = spawn(process.execPath, ['--expose-gc', '--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  return { owner, child: Number(line.toString()) };
}

test('makes a folder for its owner alone, and opens it again', () => {
  const path = newFolder();
  const folder = openDataFolder(path);
  assert.equal(folder.path, path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  for (const name of readdirSync(path)) assert.equal(statSync(join(path, name)).mode & 0o777, 0o600, name);
  folder.close();
  folder.close();
  openDataFolder(path).close();
});

test('has one owner at a time within a process', () => {
  const path = newFolder();
  const folder = openDataFolder(path);
  assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_LOCKED' });
  folder.close();
  openDataFolder(path).close();
});

test('has one owner at a time between processes, and is free when that one is killed', async () => {
  const path = newFolder();
  const { owner, child } = await startOwner(path);
  try {
    assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_LOCKED' });
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    // The child of the owner lives on and holds nothing.
    process.kill(child, 0);
    openDataFolder(path).close();
  } finally {
    owner.kill('SIGKILL');
    process.kill(child, 'SIGKILL');
  }
});

test('refuses a folder that cannot be made', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.throws(() => openDataFolder(join(file, 'data')), { code: 'CORDON_DATA_UNWRITABLE' });
  assert.throws(() => openDataFolder(file), { code: 'CORDON_DATA_UNWRITABLE' });
  openDataFolder(join(root, 'beside-the-file')).close();
});

test('refuses a folder on a file system that takes no folders, at once', (context) => {
  if (!existsSync('/proc/self')) {
    context.skip('there is no /proc');
    return;
  }
  for (const path of ['/proc/nope', '/proc/nope/deeper', '/proc/self/nope']) {
    assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_UNWRITABLE' });
  }
});

test('refuses a folder on a file system that is read-only', (context) => {
  const path = newFolder();
  openDataFolder(path).close();
  const mounted =
    spawnSync('mount', ['--bind', path, path]).status === 0 &&
    spawnSync('mount', ['-o', 'remount,ro,bind', path]).status === 0;
  if (!mounted) {
    spawnSync('umount', [path]);
    context.skip('mounting needs root');
    return;
  }
  try {
    assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_UNWRITABLE' });
  } finally {
    spawnSync('umount', [path]);
  }
  openDataFolder(path).close();
});

test('refuses a folder in which others can write, and takes one that they can only read', () => {
  const path = newFolder();
  mkdirSync(path, { recursive: true });
  for (const mode of [0o777, 0o770, 0o702]) {
    chmodSync(path, mode);
    assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_EXPOSED' });
  }
  chmodSync(path, 0o755);
  openDataFolder(path).close();
});

test('refuses a folder that a newer version wrote or whose stamp is damaged, and lets go of it', () => {
  const path = newFolder();
  openDataFolder(path).close();
  const stamp = join(path, 'format');
  const own = readFileSync(stamp, 'utf8');
  writeFileSync(stamp, `${Number(own) + 1}\n`);
  assert.throws(() => openDataFolder(path), { code: 'CORDON_DATA_NEWER' });
  for (const damage of ['', 'one', '-1\n', '1e9\n']) {
    writeFileSync(stamp, damage);
    assert.throws(() => openDataFolder(path), { code: 'CORDON_STORE_FAILED' });
  }
  writeFileSync(stamp, own);
  openDataFolder(path).close();
});
