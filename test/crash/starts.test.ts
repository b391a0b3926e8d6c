import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { z } from 'zod';
import { Home, ServerProcess, type CommandResult } from '../../tools/server-process.ts';
import { allProcesses, eventually } from '../attack/processes.ts';

const STORE_BYTES = 256 * 1024;
const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), next: z.string() }),
});

async function withHome(action: (home: Home) => Promise<void>): Promise<void> {
  const home = await Home.create();
  try {
    await action(home);
  } finally {
    await home.remove();
  }
}

interface Refusal extends CommandResult {
  readonly pid: number;
}

async function up(home: Home, data: string, ...options: readonly string[]): Promise<Refusal> {
  const child = home.spawn(['up', '--json', '--data', data, ...options]);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) =>
    stream === null ? '' : text(stream),
  );
  await once(child, 'close');
  return {
    pid: child.pid ?? 0,
    code: child.exitCode,
    stdout: (await stdout) ?? '',
    stderr: (await stderr) ?? '',
  };
}

const LISTENERS = ['--port', '--control-port', '--s3-port'] as const;
const FREE = LISTENERS.flatMap((listener) => [listener, '0']);

/** It says why, in one typed error, without a trace, and leaves no process. */
async function assertRefused(home: Home, result: Refusal, code: string, exitCode = 1): Promise<string> {
  assert.equal(result.code, exitCode, result.stderr);
  const last = result.stderr.trim().split('\n').at(-1) ?? '';
  const { error } = errorSchema.parse(JSON.parse(last));
  assert.equal(error.code, code, result.stderr);
  assert.ok(error.next.length > 0);
  assert.doesNotMatch(result.stderr, /^\s+at |node:internal|\.ts:\d+/m);
  assert.doesNotMatch(result.stdout, /"ready"/);
  const isGone = await eventually(() => leftOver(home).length === 0, 2000);
  assert.ok(isGone, `processes are left: ${leftOver(home).join()}`);
  assert.deepEqual(globSync(`/sys/fs/cgroup/**/cordon-${result.pid}`), [], 'control groups are left');
  return error.message;
}

/** Names of processes that were started for this home. */
function leftOver(home: Home): string[] {
  return allProcesses()
    .filter(({ pid }) => {
      try {
        return (
          pid !== process.pid &&
          readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${home.folder}\0`)
        );
      } catch {
        return false;
      }
    })
    .map(({ pid, name }) => `${pid} ${name}`);
}

/** Starts, and the token that this user has works. */
async function assertStarts(home: Home): Promise<void> {
  const server = await ServerProcess.start(home);
  try {
    const { code, stderr } = await home.run('deploy', '--list', '--json');
    assert.equal(code, 0, stderr);
  } finally {
    await server.stop();
  }
}

for (const listener of LISTENERS) {
  test(`a ${listener} that is taken is refused, and the first start after it still shows the token`, () =>
    withHome(async (home) => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as AddressInfo;
      const free = LISTENERS.flatMap((other) => (other === listener ? [] : [other, '0']));
      try {
        const result = await up(home, home.dataDirectory, listener, String(port), ...free);
        assert.match(await assertRefused(home, result, 'CORDON_PORT_TAKEN'), new RegExp(String(port)));
      } finally {
        taken.close();
      }
      await assertStarts(home);
    }));
}

test('a data folder below a file is refused', () =>
  withHome(async (home) => {
    const file = join(home.folder, 'file');
    writeFileSync(file, 'kept');
    await assertRefused(home, await up(home, join(file, 'data'), ...FREE), 'CORDON_DATA_UNWRITABLE');
    assert.equal(readFileSync(file, 'utf8'), 'kept');
  }));

test('a data folder that others can write to is refused until they cannot', () =>
  withHome(async (home) => {
    mkdirSync(home.dataDirectory);
    chmodSync(home.dataDirectory, 0o777);
    await assertRefused(home, await up(home, home.dataDirectory, ...FREE), 'CORDON_DATA_EXPOSED');
    assert.deepEqual(readdirSync(home.dataDirectory), []);
    chmodSync(home.dataDirectory, 0o700);
    await assertStarts(home);
  }));

test('a data folder of a newer version is refused and left as it is', () =>
  withHome(async (home) => {
    mkdirSync(home.dataDirectory, { mode: 0o700 });
    const format = join(home.dataDirectory, 'format');
    writeFileSync(format, '2\n');
    await assertRefused(home, await up(home, home.dataDirectory, ...FREE), 'CORDON_DATA_NEWER');
    assert.equal(readFileSync(format, 'utf8'), '2\n');
    assert.ok(!existsSync(join(home.dataDirectory, 'cordon.db')), 'a store was made');
  }));

test('a store of a newer version is refused and left as it is', () =>
  withHome(async (home) => {
    await assertStarts(home);
    const path = join(home.dataDirectory, 'cordon.db');
    const store = new DatabaseSync(path);
    store.exec(`insert into migrations (number, name) values (999, 'from the future')`);
    store.close();
    await assertRefused(home, await up(home, home.dataDirectory, ...FREE), 'CORDON_DATA_NEWER');
    const after = new DatabaseSync(path);
    after.exec('delete from migrations where number = 999');
    after.close();
    await assertStarts(home);
  }));

test('a store that is no database is refused and left as it is', () =>
  withHome(async (home) => {
    await assertStarts(home);
    const path = join(home.dataDirectory, 'cordon.db');
    writeFileSync(path, 'not a database, but long enough to be taken for one. '.repeat(100));
    const before = readFileSync(path);
    await assertRefused(home, await up(home, home.dataDirectory, ...FREE), 'CORDON_STORE_FAILED', 3);
    assert.ok(readFileSync(path).equals(before));
  }));

test('a second server on a data folder is refused, and the first does not notice', () =>
  withHome(async (home) => {
    const first = await ServerProcess.start(home);
    try {
      const result = await home.run('up', '--json', '--data', home.dataDirectory, ...FREE);
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, /CORDON_DATA_LOCKED/);
      assert.doesNotMatch(result.stderr, /^\s+at /m);
      const { code, stderr } = await home.run('deploy', '--list', '--json');
      assert.equal(code, 0, stderr);
    } finally {
      await first.stop();
    }
    await assertStarts(home);
  }));

test('two servers that start at the same moment on an empty folder: one runs, one is refused', () =>
  withHome(async (home) => {
    const runs = [
      home.spawn(['up', '--json', '--data', home.dataDirectory, ...FREE]),
      home.spawn(['up', '--json', '--data', home.dataDirectory, ...FREE]),
    ];
    try {
      const ready = runs.map(
        (child) =>
          new Promise<string>((resolve) => {
            let text = '';
            for (const stream of [child.stdout, child.stderr]) {
              stream?.on('data', (chunk: Buffer) => {
                text += chunk.toString();
                const found = /"event":"ready"|CORDON_DATA_LOCKED/.exec(text);
                if (found !== null) resolve(found[0]);
              });
            }
            child.once('exit', () => resolve(text));
          }),
      );
      assert.deepEqual((await Promise.all(ready)).toSorted(), ['"event":"ready"', 'CORDON_DATA_LOCKED']);
    } finally {
      const exits = runs
        .filter((child) => child.exitCode === null)
        .map((child) => new Promise((resolve) => child.once('exit', resolve)));
      for (const child of runs) child.kill('SIGTERM');
      await Promise.all(exits);
    }
    await assertStarts(home);
  }));

test('plain HTTP off loopback, and an address of another machine, are refused', () =>
  withHome(async (home) => {
    const plain = await up(home, home.dataDirectory, '--host', '192.0.2.1', ...FREE);
    await assertRefused(home, plain, 'CORDON_PLAINTEXT_REFUSED');
    const result = await up(home, home.dataDirectory, '--host', '192.0.2.1', '--tls', ...FREE);
    await assertRefused(home, result, 'CORDON_ADDRESS_REFUSED');
    await assertStarts(home);
  }));

test('a port that is no port is a matter of usage', () =>
  withHome(async (home) => {
    for (const port of ['70000', '-1', 'http', '80.5']) {
      const result = await up(home, home.dataDirectory, '--port', port);
      await assertRefused(home, result, 'CORDON_USAGE', 2);
    }
    assert.ok(!existsSync(home.dataDirectory), 'a data folder was made');
  }));

test('a full disk is refused, and with room the folder is usable', async (t) => {
  await withHome(async (home) => {
    const mount = join(home.folder, 'disk');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${STORE_BYTES},mode=700`, 'tmpfs', mount]);
    if (mounted.status !== 0) {
      t.skip('this machine does not let this user mount a small file system');
      return;
    }
    try {
      writeFileSync(join(mount, 'ballast'), new Uint8Array(STORE_BYTES - 16 * 1024));
      const data = join(mount, 'data');
      const full = await up(home, data, ...FREE);
      await assertRefused(home, full, 'CORDON_STORE_FULL');
      spawnSync('mount', ['-o', 'remount,size=64m', mount]);
      const child = home.spawn(['up', '--json', '--data', data, ...FREE]);
      const exited = new Promise((resolve) => child.once('exit', resolve));
      const line = await new Promise<string>((resolve, reject) => {
        let text = '';
        child.stdout?.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          if (text.includes('"ready"')) resolve(text);
        });
        child.once('exit', () => reject(new Error(`it ended: ${text}`)));
      });
      assert.match(line, /"token":"cordon_/, 'the first token is not shown');
      child.kill('SIGTERM');
      await exited;
    } finally {
      spawnSync('umount', ['-l', mount]);
    }
  });
});
