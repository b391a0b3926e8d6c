import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findControlGroups, readWhereabouts } from '../cgroups/find.ts';
import { parentName, processesIn } from '../cgroups/folder.ts';
import type { CordonError } from '../../contract/index.ts';
import { EVAL_HARNESS, Guest, LIMITS, isAlive } from '../guest.fixture.ts';
import { isolationContract } from '../isolation.contract.ts';
import { createBubblewrapIsolation } from './bubblewrap-isolation.ts';

const runtimeDirectory = mkdtempSync(join(tmpdir(), 'cordon-runtime-'));
// Sandboxes are other users, who have to get in.
chmodSync(runtimeDirectory, 0o755);
after(() => rmSync(runtimeDirectory, { recursive: true, force: true }));
const options = { harness: EVAL_HARNESS, runtimeDirectory };

isolationContract('bubblewrap', { confines: true }, (harness) =>
  createBubblewrapIsolation({ harness, runtimeDirectory }),
);

test('a server that is killed takes its sandboxes along, and the next one removes their control groups', async () => {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url));
  const code = `
    import { createBubblewrapIsolation } from ${url('bubblewrap-isolation.ts')};
    import { Guest } from ${url('../guest.fixture.ts')};
    const isolation = createBubblewrapIsolation(${JSON.stringify(options)});
    await isolation.prepare();
    const guest = await Guest.start(isolation);
    guest.run('for (;;);');
    console.log(JSON.stringify(guest.processes()));`;
  const server = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await new Promise<Buffer>((resolve) => server.stdout.once('data', resolve));
  const processes = JSON.parse(said.toString()) as number[];
  assert.ok(processes.length >= 2 && processes.every(isAlive));
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  // Until it is reaped its process id is taken, and its groups count as those of a living server.
  await ended;
  const deadline = performance.now() + 2000;
  while (processes.some(isAlive)) {
    assert.ok(performance.now() < deadline, 'a process of the sandbox is still there');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const found = findControlGroups(readWhereabouts());
  const base = found.version === 1 ? found.folders.pids : found.version === 2 ? found.own : '';
  const left = join(base, parentName(server.pid));
  // What is dead and not reaped yet keeps its group; the start after that removes it.
  do {
    assert.ok(performance.now() < deadline, 'its control group is still there');
    const next = createBubblewrapIsolation(options);
    await next.prepare();
    assert.deepEqual(processesIn(left), []);
    await next.close();
  } while (existsSync(left));
});

test('nothing starts before it is prepared or after it is closed, and a close ends what runs', async () => {
  const isolation = createBubblewrapIsolation(options);
  const refused = (thrown: CordonError): boolean => thrown.code === 'CORDON_SANDBOX_FAILED';
  await assert.rejects(isolation.start(LIMITS), refused);
  await isolation.prepare();
  const guest = await Guest.start(isolation);
  const processes = guest.processes();
  await isolation.close();
  assert.equal((await guest.sandbox.exited).reason, 'killed');
  assert.deepEqual(processes.filter(isAlive), []);
  await assert.rejects(isolation.start(LIMITS), refused);
});

test('a machine that cannot make sandboxes is told why', async () => {
  const isolation = createBubblewrapIsolation({
    ...options,
    runtime: { path: join(runtimeDirectory, 'missing'), version: '0' },
  });
  const missing = (await isolation.requirements()).filter(({ ok }) => !ok);
  assert.deepEqual(
    missing.map(({ name, fix }) => [name, fix]),
    [['Deno', 'npm ci']],
  );
  await assert.rejects(
    isolation.prepare(),
    (thrown: CordonError) => thrown.code === 'CORDON_SANDBOX_UNAVAILABLE',
  );
});
