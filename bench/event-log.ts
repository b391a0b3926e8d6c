import { join } from 'node:path';
import { newId, systemClock } from '../src/contract/index.ts';
import { PROJECT } from '../src/control/index.ts';
import { openEventLog, type EventLog, type NewEvent } from '../src/events/index.ts';
import { createEvidence } from '../src/evidence/index.ts';
import { openMasterKeyFile } from '../src/secrets/index.ts';
import { openDataFolder, openSqliteStore, type Store } from '../src/store/index.ts';
import { openVault, type Vault } from '../src/vault/index.ts';
import type { CordonServer } from './cordon-server.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { openSealed } from './sealed.ts';
import { fromRounds } from './statistics.ts';
import type { Workplace } from './workplace.ts';

/** Data of one event wherever events are measured. */
export const EVENT_BYTES = 1024;
const IN_FLIGHT = 64;
const FILL_BATCH = 100;
const FILL_IN_FLIGHT = 8;
const DATA = Buffer.alloc(EVENT_BYTES, 'x');

export const LOG_KEYED = logName('known again by a key');
const LOG_PLAIN = logName('without keys');

function logName(what: string): string {
  return `event log alone, 1 KB, ${IN_FLIGHT} in flight, ${what}: accepted`;
}

/** What the log makes durable a second, without anything in front of it. Each event is an acceptance of its own. */
export const eventLog: Measurement = {
  name: 'event-log',
  about: 'acceptance of events by the log alone, with fsync',
  async run(place) {
    const { store, vault } = await openSealed(place);
    const log = await openLog(store, vault);
    place.defer(() => log.close());
    return [await measure(place, log, LOG_KEYED, true), await measure(place, log, LOG_PLAIN, false)];
  },
};

async function measure(place: Workplace, log: EventLog, name: string, keyed: boolean): Promise<Result> {
  const rate = async (count: number): Promise<number> => {
    const startedAt = performance.now();
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) {
        next += 1;
        await log.accept([messageFor('bench', keyed ? newId('evt') : null)]);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    return count / ((performance.now() - startedAt) / 1000);
  };
  const count = place.pick(20_000, 2000);
  await rate(count);
  const rounds: number[] = [];
  for (let round = 0; round < place.pick(5, 2); round += 1) rounds.push(await rate(count));
  return fromRounds({ name, unit: 'events/s', subject: CORDON }, rounds);
}

/** Puts messages into a queue of a server that is stopped: by its log, in its data folder, as it would itself. */
export async function fillQueue({ home }: CordonServer, queue: string, count: number): Promise<void> {
  const folder = openDataFolder(home.dataDirectory);
  const store = await openSqliteStore({ path: folder.storePath });
  try {
    const { wrapper } = openMasterKeyFile({ path: join(folder.path, 'master.key'), create: false });
    const log = await openLog(store, await openVault({ store, wrapper }));
    let left = count;
    const work = async (): Promise<void> => {
      while (left > 0) {
        const size = Math.min(FILL_BATCH, left);
        left -= size;
        await log.accept(Array.from({ length: size }, () => messageFor(queue, null)));
      }
    };
    await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, work));
    await log.close();
  } finally {
    await store.close();
    folder.close();
  }
}

function openLog(store: Store, sealer: Vault): Promise<EventLog> {
  const clock = systemClock;
  return openEventLog({ store, sealer, clock, evidence: createEvidence({ store, clock }) });
}

/** As a function sends it. */
function messageFor(queue: string, key: string | null): NewEvent {
  const id = newId('evt');
  const attributes = {
    specversion: '1.0',
    id,
    source: '/apps/bench/functions/sender',
    type: 'cordon.queue.message',
    datacontenttype: 'text/plain',
  } as const;
  const event = { attributes, data: DATA };
  return { project: PROJECT, lane: `queue:${queue}`, event, key, order: null, hops: 1, delayMs: 0 };
}
