import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { stagingFolderFor } from '../../src/deploy/index.ts';
import { Home, ServerProcess } from '../../tools/server-process.ts';
import { descendants, eventually, processEntry, sandboxed, type ProcessEntry } from '../attack/processes.ts';
import { makeTar, plainApp } from '../attack/tar.ts';
import { Operator, type AppState } from './operator.ts';

const ROUNDS = 20;
const START_KILLS = 6;
/** The server is killed at a random moment, up to so long after a deployment was acknowledged. */
const DEPLOYS_MAX = 2;
const WORK_MS_MAX = 300;
const WORK_PATIENCE_MS = 2500;
const ORPHAN_WAIT_MS = 3000;

/** An app whose answer names its version. */
function versioned(app: string, version: string): Buffer {
  return makeTar(plainApp(app, `export default { fetch: () => new Response(${JSON.stringify(version)}) }`));
}

function random(min: number, max: number): number {
  return Math.floor(min + Math.random() * (max - min));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A change that was asked for: acknowledged, or cut off and so perhaps done. */
interface Change<T> {
  readonly wanted: T;
  acknowledged: boolean;
}

/** What the operator was told, in the order in which it was asked for. */
class Ledger {
  /** Versions of the app `ledger`. */
  readonly versions: Change<string>[] = [];
  /** Ids of acknowledged deployments, by app. */
  readonly ids = new Map<string, string>();
  /** States of the app `pointer`. */
  readonly states: Change<AppState>[] = [];
  requests = 0;

  async attempt<T>(list: Change<T>[], wanted: T, action: () => Promise<unknown>): Promise<boolean> {
    const change: Change<T> = { wanted, acknowledged: false };
    list.push(change);
    try {
      await action();
      change.acknowledged = true;
      return true;
    } catch (thrown) {
      // A refusal of the server is a fault; a connection that broke is the crash.
      if (thrown instanceof Error && /: [45]\d\d /.test(thrown.message)) throw thrown;
      return false;
    }
  }
}

/** What may be there: the last acknowledged change, or one that was asked for after it. */
function possible<T>(changes: readonly Change<T>[]): T[] {
  const last = changes.findLastIndex(({ acknowledged }) => acknowledged);
  return changes.slice(Math.max(0, last)).map(({ wanted }) => wanted);
}

async function deployUntilKilled(operator: Operator, ledger: Ledger, round: number): Promise<void> {
  for (let i = 0; ; i += 1) {
    const version = `v${round}-${i}`;
    const done = await ledger.attempt(ledger.versions, version, async () => {
      ledger.ids.set(await operator.deploy('ledger', versioned('ledger', version)), 'ledger');
    });
    if (!done) return;
  }
}

async function movePointerUntilKilled(
  operator: Operator,
  ledger: Ledger,
  ids: readonly string[],
): Promise<void> {
  for (;;) {
    const [live = '', other = ''] = Math.random() < 0.5 ? ids : ids.toReversed();
    const percent = random(1, 100);
    const steps: [AppState, () => Promise<void>][] = [
      [{ live, canary: null }, () => operator.rollback('pointer', live)],
      [{ live, canary: { deployment: other, percent } }, () => operator.setCanary('pointer', other, percent)],
      [{ live, canary: null }, () => operator.clearCanary('pointer')],
    ];
    for (const [state, action] of steps) if (!(await ledger.attempt(ledger.states, state, action))) return;
  }
}

async function callUntilKilled(operator: Operator, ledger: Ledger): Promise<void> {
  for (;;) {
    try {
      const { status, text } = await operator.call('/ledger');
      assert.equal(status, 200, text);
      assert.ok(
        ledger.versions.some(({ wanted }) => wanted === text),
        `an unknown version ${text}`,
      );
      ledger.requests += 1;
    } catch (thrown) {
      if (thrown instanceof assert.AssertionError) throw thrown;
      return;
    }
  }
}

/** Compares what the server says with what it said before it was killed. */
async function assertKept(operator: Operator, ledger: Ledger): Promise<void> {
  const listed = new Set(await operator.deployments('ledger'));
  for (const [id, app] of ledger.ids)
    if (app === 'ledger') assert.ok(listed.has(id), `the deployment ${id} is lost`);
  const { live } = await operator.app('ledger');
  assert.ok(listed.has(live), 'the live deployment is not listed');
  const { status, text } = await operator.call('/ledger');
  assert.equal(status, 200, text);
  const versions = possible(ledger.versions);
  assert.ok(versions.includes(text), `${text} is live, and not one of ${versions.join()}`);
  ledger.versions.push({ wanted: text, acknowledged: true });

  const state = await operator.app('pointer');
  const states = possible(ledger.states);
  const { live: pointed, canary } = state;
  assert.ok(
    states.some((candidate) => JSON.stringify(candidate) === JSON.stringify({ live: pointed, canary })),
    `${JSON.stringify(state)} is none of ${JSON.stringify(states)}`,
  );
  ledger.states.push({ wanted: { live: pointed, canary }, acknowledged: true });
  assert.equal((await operator.call('/pointer')).status, 200);
}

function alive(entries: readonly ProcessEntry[]): ProcessEntry[] {
  return entries.filter(({ pid, startedAt }) => processEntry(pid)?.startedAt === startedAt);
}

async function assertNoOrphans(pid: number, children: readonly ProcessEntry[]): Promise<void> {
  const gone = await eventually(() => alive(children).length + sandboxed(pid).length === 0, ORPHAN_WAIT_MS);
  const left = [...alive(children), ...sandboxed(pid)];
  assert.ok(gone, `processes live on: ${left.map((entry) => `${entry.pid} ${entry.name}`).join(', ')}`);
}

test(`${ROUNDS} kills in the middle of deploys and requests lose nothing that was acknowledged`, async () => {
  const home = await Home.create();
  let server = await ServerProcess.start(home);
  try {
    const operator = await Operator.of(home, server);
    const ledger = new Ledger();
    await ledger.attempt(ledger.versions, 'v', async () => {
      ledger.ids.set(await operator.deploy('ledger', versioned('ledger', 'v')), 'ledger');
    });
    const pointers = [
      await operator.deploy('pointer', versioned('pointer', 'a')),
      await operator.deploy('pointer', versioned('pointer', 'b')),
    ];
    ledger.states.push({ wanted: { live: pointers[1] ?? '', canary: null }, acknowledged: true });
    for (let round = 0; round < ROUNDS; round += 1) {
      const work = Promise.all([
        deployUntilKilled(operator, ledger, round),
        movePointerUntilKilled(operator, ledger, pointers),
        callUntilKilled(operator, ledger),
        callUntilKilled(operator, ledger),
      ]);
      work.catch(() => undefined);
      const enough = ledger.ids.size + random(0, DEPLOYS_MAX + 1);
      await eventually(() => ledger.ids.size >= enough, WORK_PATIENCE_MS);
      await pause(random(0, WORK_MS_MAX));
      const { pid } = server;
      const children = descendants(pid);
      await server.kill();
      await work;
      await assertNoOrphans(pid, children);
      server = await ServerProcess.start(home);
      operator.server = server;
      await assertKept(operator, ledger);
    }
    const { ids, requests, states } = ledger;
    const isBusy = ids.size >= ROUNDS / 2 && requests >= ROUNDS / 2 && states.length >= 2 * ROUNDS;
    assert.ok(
      isBusy,
      `too little was going on: ${ids.size} deploys, ${requests} requests, ${states.length} moves`,
    );
    const staged = readdirSync(join(stagingFolderFor(home.dataDirectory), 'unpacked'));
    assert.deepEqual(staged, [], 'source is left in the staging folder');
    await server.stop();
  } finally {
    await server.kill();
    await home.remove();
  }
});

test('a server that is killed while it starts for the first time starts after that', async () => {
  const home = await Home.create();
  try {
    for (let round = 0; round < START_KILLS; round += 1) {
      const child = home.spawn([
        'up',
        '--json',
        '--data',
        home.dataDirectory,
        '--port',
        '0',
        '--control-port',
        '0',
        '--s3-port',
        '0',
      ]);
      const exited = new Promise((resolve) => child.once('exit', resolve));
      await pause(random(60, 700));
      const children = descendants(child.pid ?? 0);
      child.kill('SIGKILL');
      await exited;
      await assertNoOrphans(child.pid ?? 0, children);
    }
    const server = await ServerProcess.start(home);
    try {
      const operator = await Operator.of(home, server);
      await operator.deploy('ledger', versioned('ledger', 'v'));
      assert.equal((await operator.call('/ledger')).text, 'v');
      await server.stop();
    } finally {
      await server.kill();
    }
  } finally {
    await home.remove();
  }
});
