import { RecordingEvidence } from '../evidence/recording-evidence.fixture.ts';
export { RecordingEvidence };
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../contract/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import { openFileKeyWrapper, openVault, type Vault } from '../vault/index.ts';
import { openEventLog } from './event-log.ts';
import type { LaneBounds } from './lane-counts.ts';
import type { ClaimedEvent, ClaimOptions, EventLog, NewEvent, Quota } from './port.ts';

export const PROJECT = 'default';
export const LANE = 'queue:jobs';
export const CLAIM: ClaimOptions = { limit: 100, bytesMax: 2 ** 30, leaseMs: 1_000, ordered: false };

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #now = 1_800_000_000_000;

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  move(ms: number): void {
    this.#now += ms;
  }
}

export interface OpenLog {
  readonly log: EventLog;
  readonly clock: ManualClock;
  readonly evidence: RecordingEvidence;
  /** Opens another log over the same state, as after the end of the process. */
  reopen(): Promise<EventLog>;
  close(): Promise<void>;
}

/** A log with what is below it in reach. */
export interface StoredLog extends OpenLog {
  readonly store: Store;
  readonly vault: Vault;
  readonly folder: string;
  /** Forgets all events, and opens a log that knows of none. */
  emptied(): Promise<OpenLog>;
}

/** A log over a store and a vault of its own in a new folder. */
export async function openStoredLog(
  bounds: Partial<LaneBounds> = {},
  quota: Quota = () => null,
): Promise<StoredLog> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-events-'));
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const vault = await openVault({ store, wrapper });
  const clock = new ManualClock();
  const evidence = new RecordingEvidence();
  const logs: EventLog[] = [];
  const open = async (): Promise<EventLog> => {
    const log = await openEventLog({ store, sealer: vault, clock, evidence, bounds, quota });
    logs.push(log);
    return log;
  };
  return {
    log: await open(),
    clock,
    evidence,
    store,
    vault,
    folder,
    reopen: open,
    async emptied() {
      for (const log of logs.splice(0)) await log.close();
      const tables = ['events', 'event_keys'];
      await store.commit(tables.map((table) => ({ sql: `delete from ${table}`, parameters: [] })));
      evidence.recorded.length = 0;
      return { log: await open(), clock, evidence, reopen: open, close: () => Promise.resolve() };
    },
    async close() {
      for (const log of logs) await log.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let events = 0;

/** An event with data of its own. */
export function newEvent(given: Partial<NewEvent> & { readonly data?: Uint8Array | null } = {}): NewEvent {
  const { data = Buffer.from('data'), ...rest } = given;
  events += 1;
  return {
    project: PROJECT,
    lane: LANE,
    event: {
      attributes: {
        specversion: '1.0',
        id: `e${events}`,
        source: '/test',
        type: 'test.event',
        n: 1,
        yes: true,
      },
      data,
    },
    key: null,
    order: null,
    hops: 0,
    delayMs: 0,
    ...rest,
  };
}

/** Ids in the log of what was claimed. */
export function idsOf(claimed: readonly ClaimedEvent[]): readonly string[] {
  return claimed.map(({ id }) => id);
}

/** Accepts one event and gives its id. */
export async function acceptOne(log: EventLog, given: Parameters<typeof newEvent>[0] = {}): Promise<string> {
  const [accepted] = await log.accept([newEvent(given)]);
  if (accepted?.id === undefined || accepted.id === null) throw new Error('The event was not accepted.');
  return accepted.id;
}

export function done(event: ClaimedEvent) {
  return { event, outcome: { kind: 'done' } } as const;
}

export function retry(event: ClaimedEvent, afterMs = 0, reason = 'threw', counts = true) {
  return { event, outcome: { kind: 'retry', afterMs, reason, counts } } as const;
}

export function dead(event: ClaimedEvent, reason = 'gave up') {
  return { event, outcome: { kind: 'dead', reason } } as const;
}
