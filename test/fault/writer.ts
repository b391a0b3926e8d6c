/**
 * A process that does nothing but work on an event log, and is killed at it. It says what it is about to do and what
 * was acknowledged, one line each, straight to its standard output: what was written there outlives it.
 *
 *   node writer.ts FOLDER FIRST [drain]
 */
import { RecordingEvidence } from '../../src/evidence/recording-evidence.fixture.ts';
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/contract/index.ts';
import { openEventLog } from '../../src/events/index.ts';
import type { ClaimedEvent, EventLog, NewEvent, Settlement } from '../../src/events/index.ts';
import { openSqliteStore } from '../../src/store/index.ts';
import { openFileKeyWrapper, openVault } from '../../src/vault/index.ts';

const PROJECT = 'default';
const LANES = ['queue:one', 'pipe:a>shop/two', 'upload:photos/>shop/three'] as const;
const BATCH_MAX = 12;
const LEASE_MS = 60;
const WAITING_MAX = 200;
const LIST_MAX = 1_000;

const [folder = '', first = '0', mode = ''] = process.argv.slice(2);

const pause = new Int32Array(new SharedArrayBuffer(4));

function say(...words: readonly string[]): void {
  let rest = Buffer.from(`${words.join(' ')}\n`);
  while (rest.byteLength > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') throw thrown;
      // The pipe is full: nothing else may happen before this line is out.
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

let next = Number(first);

function newEvent(): NewEvent {
  const id = `e${next}`;
  const lane = LANES[next % LANES.length] ?? LANES[0];
  next += 1;
  return {
    project: PROJECT,
    lane,
    event: {
      attributes: { specversion: '1.0', id, source: '/writer', type: 'fault.event' },
      data: Buffer.from(id),
    },
    key: id,
    order: null,
    hops: 0,
    delayMs: 0,
  };
}

function idOf(event: ClaimedEvent): string {
  return event.event.attributes.id;
}

async function tellState(log: EventLog): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = await log.list({
      project: PROJECT,
      limit: LIST_MAX,
      ...(after === undefined ? {} : { after }),
    });
    for (const { id, state } of page.events) {
      const shown = await log.show(PROJECT, id);
      if (shown !== null) say('holds', shown.event.attributes.id, state, shown.lane);
    }
    if (page.next === null) return;
    after = page.next;
  }
}

async function produce(log: EventLog): Promise<void> {
  for (;;) {
    const waiting = log.lanes().reduce((sum, lane) => sum + lane.waiting, 0);
    if (waiting > WAITING_MAX) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    const events = Array.from({ length: 1 + random(BATCH_MAX) }, newEvent);
    for (const { event, lane } of events) say('offers', event.attributes.id, lane);
    await log.accept(events);
    for (const { event } of events) say('accepted', event.attributes.id);
  }
}

function outcome(): Settlement {
  const roll = random(100);
  if (roll < 80) return { kind: 'done' };
  if (roll < 95) return { kind: 'retry', afterMs: random(20), reason: 'threw', counts: roll % 2 === 0 };
  return { kind: 'dead', reason: 'gave up' };
}

/** Works on what is due until it is killed; or, to drain, until nothing is left. */
async function consume(log: EventLog, lane: string, drains: boolean): Promise<void> {
  for (;;) {
    const claimed = await log.claim(PROJECT, lane, {
      limit: 1 + random(BATCH_MAX * 2),
      bytesMax: 2 ** 20,
      leaseMs: LEASE_MS,
      ordered: false,
    });
    for (const event of claimed) say('claims', idOf(event), event.lane);
    // Some are taken and never heard of again.
    const settled = claimed
      .filter(() => drains || random(20) > 0)
      .map((event) => ({ event, outcome: drains ? ({ kind: 'done' } as const) : outcome() }));
    for (const { event, outcome: how } of settled) say('settles', idOf(event), how.kind);
    await log.settle(settled);
    for (const { event, outcome: how } of settled) say('settled', idOf(event), how.kind);
    if (claimed.length > 0) continue;
    if (drains && (await log.nextDue(PROJECT, lane)) === null) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
const vault = await openVault({
  store,
  wrapper: openFileKeyWrapper({ path: join(folder, 'master.key'), create: true }),
});
const log = await openEventLog({
  store,
  sealer: vault,
  clock: systemClock,
  evidence: new RecordingEvidence(),
});
await tellState(log);
say('opened');
const drains = mode === 'drain';
const consumers = LANES.map((lane) => consume(log, lane, drains));
if (!drains) await Promise.all([produce(log), produce(log), produce(log), ...consumers]);
await Promise.all(consumers);
await tellState(log);
say('drained');
await log.close();
await store.close();
