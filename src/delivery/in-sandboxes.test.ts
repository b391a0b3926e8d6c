import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../contract/index.ts';
import { openEventLog } from '../events/index.ts';
import type { EventLog } from '../events/index.ts';
import type { SourceSpec } from '../manifest/index.ts';
import { Pool } from '../pool/index.ts';
import { buildHarness, createBubblewrapIsolation } from '../sandbox/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openFileKeyWrapper, openVault } from '../vault/index.ts';
import {
  ATTEMPTS,
  PROJECT,
  RecordingEvidence,
  Served,
  deploymentOf,
  newEvent,
  queueSource,
} from './delivery.fixture.ts';
import { Delivery } from './index.ts';

// A real log over a real store, and functions in real sandboxes.

const QUICK = { backoffMs: 10, backoffMsMax: 50 };
const CODE = `exports.default = {
  async queue(batch) { for (const { body } of batch.messages) if (body === 'poison') throw new Error('poison'); },
  async event(event) { if (event.loop) for (;;); },
};`;

const folder = mkdtempSync(join(tmpdir(), 'cordon-delivery-'));
const evidence = new RecordingEvidence();
const settledSome = new EventEmitter();
let log: EventLog;
let delivery: Delivery;
const closers: (() => Promise<void> | void)[] = [];

function pipe(from: string): SourceSpec {
  return { kind: 'pipe', from, types: null, ordered: false, ...ATTEMPTS, ...QUICK, attempts: 2 };
}

const functions = [
  { name: 'worker', sources: [queueSource('jobs', { batch: 20, ...QUICK })], handlers: ['queue'] },
  {
    name: 'step',
    sources: [pipe('start')],
    handlers: ['event'],
    limits: { timeMs: 1000, instances: 2, concurrency: 1 },
  },
];

before(async () => {
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const sealer = await openVault({ store, wrapper });
  const opened = await openEventLog({ store, sealer, clock: systemClock, evidence });
  const settle = opened.settle.bind(opened);
  opened.settle = async (outcomes) => {
    await settle(outcomes);
    settledSome.emit('settled');
  };
  log = opened;
  const isolation = createBubblewrapIsolation({ harness: await buildHarness() });
  await isolation.prepare();
  const objects = {
    get: () => Promise.resolve(Buffer.from(CODE)),
    put: () => Promise.resolve('code'),
    has: () => Promise.resolve(true),
    delete: () => Promise.resolve(),
  };
  const pool = new Pool({ isolation, objects, evidence, size: 1 });
  await pool.open();
  const served = new Served([deploymentOf(functions)]);
  const sources = () => served.sources();
  delivery = Delivery.open({
    events: log,
    dispatcher: pool,
    directory: served,
    sources,
    evidence,
    project: PROJECT,
  });
  closers.push(
    () => rmSync(folder, { recursive: true, force: true }),
    () => store.close(),
    () => log.close(),
    () => isolation.close(),
    () => pool.close(),
    () => delivery.drain(),
  );
});

after(async () => {
  for (const close of closers.toReversed()) await close();
});

/** Waits until nothing of a lane waits; gives how many of it are dead. */
async function untilEnded(lane: string): Promise<number> {
  for (;;) {
    const status = log.lanes().find((one) => one.lane === lane);
    if ((status?.waiting ?? 0) === 0) return status?.dead ?? 0;
    await once(settledSome, 'settled');
  }
}

test('one poison message among a hundred ends as the only dead letter, with its attempts', async () => {
  const messages = Array.from({ length: 100 }, (_, i) =>
    newEvent('queue:jobs', { datacontenttype: 'text/plain' }, i === 42 ? 'poison' : `message ${i}`),
  );
  await log.accept(messages);
  assert.equal(await untilEnded('queue:jobs'), 1);
  const { events } = await log.list({ project: PROJECT, lane: 'queue:jobs', limit: 10 });
  const [dead] = events;
  assert.deepEqual([dead?.state, dead?.attempts], ['dead', ATTEMPTS.attempts]);
  const detail = await log.show(PROJECT, dead?.id ?? '');
  assert.equal(Buffer.from(detail?.event.data ?? []).toString(), 'poison');
  assert.match(detail?.reason ?? '', /^CORDON_FUNCTION_ERROR/);
  assert.equal(detail?.failures.length, ATTEMPTS.attempts);
});

test('an event whose handler never ends is dead after its attempts, and those beside it are done', async () => {
  const lane = 'pipe:start>shop/step';
  await log.accept([newEvent(lane, { loop: true }), ...Array.from({ length: 10 }, () => newEvent(lane))]);
  assert.equal(await untilEnded(lane), 1);
  const { events } = await log.list({ project: PROJECT, lane, limit: 20 });
  assert.match(events[0]?.reason ?? '', /^CORDON_FUNCTION_TIMEOUT/);
  assert.equal((await delivery.status()).inFlight, 0);
});
