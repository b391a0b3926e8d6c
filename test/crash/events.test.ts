import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openSqliteStore } from '../../src/store/index.ts';
import { openFileKeyWrapper, openVault } from '../../src/vault/index.ts';
import { ManualClock, PROJECT, RecordingEvidence } from '../../src/events/event-log.fixture.ts';
import { openEventLog } from '../../src/events/index.ts';

const ROUNDS = 20;
const ACKNOWLEDGED_MAX = 200;

const root = mkdtempSync(join(tmpdir(), 'cordon-event-crash-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A process that accepts, claims and settles without end, and prints what it was promised. */
function worker(): string {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  return `
    import { writeSync } from 'node:fs';
    import { systemClock } from ${url('../../src/contract/index.ts')};
    import { openSqliteStore } from ${url('../../src/store/index.ts')};
    import { openFileKeyWrapper, openVault } from ${url('../../src/vault/index.ts')};
    import { openEventLog } from ${url('../../src/events/index.ts')};
    import { RecordingEvidence, newEvent } from ${url('../../src/events/event-log.fixture.ts')};
    const say = (text) => {
      for (;;) {
        try {
          return writeSync(1, text + '\\n');
        } catch (error) {
          if (error.code !== 'EAGAIN') throw error;
        }
      }
    };
    const store = await openSqliteStore({ path: ${JSON.stringify(join(root, 'cordon.db'))} });
    const wrapper = openFileKeyWrapper({ path: ${JSON.stringify(join(root, 'master.key'))}, create: true });
    const sealer = await openVault({ store, wrapper });
    const log = await openEventLog({ store, sealer, clock: systemClock, evidence: new RecordingEvidence() });
    const acceptForever = async () => {
      for (;;) {
        const accepted = await log.accept([newEvent({ order: 'a' }), newEvent()]);
        for (const { id } of accepted) say('accepted ' + id);
      }
    };
    const settleForever = async () => {
      for (;;) {
        const claimed = await log.claim('default', 'queue:jobs', { limit: 7, bytesMax: 1e9, leaseMs: 1e9, ordered: true });
        for (const { id } of claimed) say('claimed ' + id);
        await log.settle(claimed.map((event) => ({ event, outcome: { kind: 'done' } })));
        for (const { id } of claimed) say('done ' + id);
      }
    };
    await Promise.all([settleForever(), ...Array.from({ length: 10 }, acceptForever)]);`;
}

/** Runs it and kills it after about so many lines. */
async function crash(count: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', worker()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    lines += text.split('\n').length - 1;
    if (lines >= count) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL', `the process ended by itself with ${code}`);
  // The last line may have been cut off.
  return printed.split('\n').slice(0, -1);
}

test(`accounts for every event when the process is killed ${ROUNDS} times`, async () => {
  const accepted = new Set<string>();
  const claimed = new Set<string>();
  const done = new Set<string>();
  const sets: Readonly<Record<string, Set<string>>> = { accepted, claimed, done };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const line of await crash(Math.floor(Math.random() * ACKNOWLEDGED_MAX))) {
      const [what = '', id = ''] = line.split(' ');
      // What is done never comes again.
      if (what === 'claimed') assert.ok(!done.has(id), `${id} came again`);
      sets[what]?.add(id);
    }
  }
  const store = await openSqliteStore({ path: join(root, 'cordon.db') });
  const wrapper = openFileKeyWrapper({ path: join(root, 'master.key'), create: true });
  const sealer = await openVault({ store, wrapper });
  const evidence = new RecordingEvidence();
  const log = await openEventLog({ store, sealer, clock: new ManualClock(), evidence });
  const waiting = new Set<string>();
  let after: string | null = null;
  do {
    const query = { project: PROJECT, limit: 1_000, ...(after === null ? {} : { after }) };
    const page: Awaited<ReturnType<typeof log.list>> = await log.list(query);
    for (const { id } of page.events) waiting.add(id);
    after = page.next;
  } while (after !== null);
  for (const id of accepted)
    assert.ok(
      waiting.has(id) || claimed.has(id),
      `${id} was accepted and is neither there nor was given out`,
    );
  for (const id of done) assert.ok(!waiting.has(id), `${id} is done and still there`);
  assert.deepEqual(evidence.recorded, []);
  await log.close();
  await store.close();
});
