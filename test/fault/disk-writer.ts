/**
 * Fills a disk with events until it is full, looks for what was acknowledged with another process's eyes, makes room
 * and goes on. Says what it found as one line of JSON.
 *
 *   node disk-writer.ts FOLDER
 */
import { RecordingEvidence } from '../../src/evidence/recording-evidence.fixture.ts';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CordonError, systemClock } from '../../src/contract/index.ts';
import { openEventLog } from '../../src/events/index.ts';
import type { EventLog, NewEvent } from '../../src/events/index.ts';
import { openSqliteStore } from '../../src/store/index.ts';
import { openFileKeyWrapper, openVault } from '../../src/vault/index.ts';

const PROJECT = 'default';
const DATA_BYTES = 32 * 1024;
const BALLAST_BYTES = 2 * 1024 * 1024;
const REFUSALS = 20;

const folder = process.argv[2] ?? '';
const ballast = join(folder, 'ballast');

function newEvent(id: string): NewEvent {
  return {
    project: PROJECT,
    lane: 'queue:jobs',
    event: {
      attributes: { specversion: '1.0', id, source: '/disk', type: 'fault.event' },
      data: Buffer.alloc(DATA_BYTES, id),
    },
    key: id,
    order: null,
    hops: 0,
    delayMs: 0,
  };
}

async function open(): Promise<{ readonly log: EventLog; close(): Promise<void> }> {
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const vault = await openVault({ store, wrapper });
  const log = await openEventLog({
    store,
    sealer: vault,
    clock: systemClock,
    evidence: new RecordingEvidence(),
  });
  return {
    log,
    async close() {
      await log.close();
      await store.close();
    },
  };
}

async function idsIn(log: EventLog): Promise<Set<string>> {
  const ids = new Set<string>();
  const { events } = await log.list({ project: PROJECT, limit: 1000 });
  for (const { id } of events) {
    const shown = await log.show(PROJECT, id);
    if (shown !== null) ids.add(shown.event.attributes.id);
  }
  return ids;
}

writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES));
const first = await open();
const accepted = new Set<string>();
let refused = 0;
for (let next = 0; refused < REFUSALS; next += 1) {
  try {
    await first.log.accept([newEvent(`e${next}`)]);
    accepted.add(`e${next}`);
  } catch (thrown) {
    if (!(thrown instanceof CordonError) || !thrown.code.startsWith('CORDON_STORE_')) throw thrown;
    refused += 1;
  }
}
await first.close();
rmSync(ballast);
const second = await open();
const found = await idsIn(second.log);
const isSame = found.size === accepted.size && [...accepted].every((id) => found.has(id));
const [again] = await second.log.accept([newEvent('after')]);
await second.close();
console.log(
  JSON.stringify({
    accepted: accepted.size,
    refused,
    found: isSame ? found.size : -1,
    again: again !== undefined && again.id !== null,
  }),
);
