import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { CordonError, type Clock } from '../contract/index.ts';
import { SourceTable, type EventLog, type NewEvent, type PreparedEvents } from '../events/index.ts';
import type { LogLine } from '../evidence/index.ts';
import { parseManifest } from '../manifest/index.ts';
import { openSqliteStore, type Statement, type Store, type Write } from '../store/index.ts';
import { Ticker, type Timers } from './index.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A wall clock that can be set, a monotonic one that cannot, and the timers of the latter. */
export class TestTime implements Clock, Timers {
  readonly asked: number[] = [];
  #now: number;
  #monotonic = 0;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    this.asked.push(ms);
    const timer = { at: this.#monotonic + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Somebody sets the wall clock. */
  set(now: number): void {
    this.#now = now;
  }

  /** Lets time pass, firing each timer at its moment and waiting for what it set off. */
  async pass(ms: number, idle: () => Promise<void>): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      const [first] = [...this.#timers].toSorted((a, b) => a.at - b.at);
      const at = Math.min(first?.at ?? end, end);
      this.#now += Math.max(0, at - this.#monotonic);
      this.#monotonic = Math.max(at, this.#monotonic);
      if (first === undefined || first.at > end) return;
      this.#timers.delete(first);
      first.callback();
      await idle();
    }
  }
}

/** The part of the log that takes ticks. Each event is a row that is written in the commit of the caller. */
export class ScratchEvents implements Pick<EventLog, 'prepare'> {
  readonly full = new Set<string>();
  /** Lanes whose quota is used up. */
  readonly exhausted = new Set<string>();
  readonly committed: string[] = [];
  failures = 0;
  prepared: NewEvent[] = [];
  /** Runs before an event is prepared. */
  before: (event: NewEvent) => Promise<void> = async () => undefined;

  async prepare(events: readonly NewEvent[]): Promise<PreparedEvents> {
    for (const event of events) {
      await this.before(event);
      for (const [lanes, of] of [
        [this.full, null],
        [this.exhausted, 'quota'],
      ] as const)
        if (lanes.has(event.lane))
          throw new CordonError('CORDON_EVENTS_FULL', undefined, { details: { of } });
      this.prepared.push(event);
    }
    return {
      writes: events.map(({ lane, key }) => ({
        sql: 'insert into ticks (lane, key) values (?, ?)',
        parameters: [lane, key],
        changes: 1,
      })),
      committed: (changes) => {
        this.committed.push(...events.map(({ key }) => key ?? ''));
        return changes.map(() => ({ id: 'evt' }));
      },
      failed: () => {
        this.failures++;
      },
    };
  }
}

/** A store whose process dies: at a point that a test sets, and from there on nothing gets through. */
export class MortalStore implements Store {
  readonly #store: Store;
  /** Commits until it dies; `durable`: the last one is written, but nobody is told. */
  dies: { readonly after: number; readonly isDurable: boolean } | null = null;
  #commits = 0;
  #isDead = false;

  constructor(store: Store) {
    this.#store = store;
  }

  get dialect(): Store['dialect'] {
    return this.#store.dialect;
  }

  query<T extends object>(statement: Statement): Promise<T[]> {
    return this.#isDead ? Promise.reject(failure()) : this.#store.query<T>(statement);
  }

  async commit(writes: readonly Write[]): Promise<number[]> {
    if (this.#isDead) throw failure();
    if (this.dies === null || this.#commits++ < this.dies.after) return this.#store.commit(writes);
    this.#isDead = true;
    if (this.dies.isDurable) await this.#store.commit(writes);
    throw failure();
  }

  /** The process is there again. */
  revive(): void {
    this.dies = null;
    this.#isDead = false;
    this.#commits = 0;
  }

  scrub(): Promise<void> {
    return this.#store.scrub();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function failure(): CordonError {
  return new CordonError('CORDON_STORE_FAILED');
}

export interface CronText {
  readonly cron: string;
  readonly timezone?: string;
  readonly catchUp?: 'none' | 'last' | 'all';
}

/** Sources of an app with a function for each schedule: `shop/f0` and so on. */
export function tableOf(...schedules: readonly CronText[]): SourceTable {
  const functions = Object.fromEntries(
    schedules.map((schedule, index) => [`f${index}`, { entry: 'f.ts', on: [schedule] }]),
  );
  if (schedules.length === 0) return SourceTable.EMPTY;
  return SourceTable.of([parseManifest(JSON.stringify({ name: 'shop', functions }))]);
}

/** A real store with the schedules and a scratch table of ticks. */
export async function setUp(t: Pick<TestContext, 'after'>, start: string | number) {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-schedule-'));
  const sqlite = await openSqliteStore({ path: join(folder, 'cordon.sqlite') });
  await sqlite.commit([{ sql: 'create table ticks (lane text, key text)', parameters: [] }]);
  t.after(async () => {
    await sqlite.close();
    await rm(folder, { recursive: true, force: true });
  });
  const store = new MortalStore(sqlite);
  const time = new TestTime(typeof start === 'number' ? start : Date.parse(start));
  const events = new ScratchEvents();
  const lines: Omit<LogLine, 'time'>[] = [];
  const world = {
    store,
    time,
    events,
    lines,
    table: SourceTable.EMPTY,
    open: () =>
      Ticker.open({
        store,
        events,
        evidence: { log: (line) => lines.push(line) },
        project: 'default',
        sources: () => world.table,
        clock: time,
        timers: time,
      }),
    /** Times of the ticks that are durable, in the order in which they became so. */
    async ticks(fn = 'f0'): Promise<string[]> {
      const rows = await sqlite.query<{ key: string }>({
        sql: 'select key from ticks where lane like ? order by rowid',
        parameters: [`%/${fn}`],
      });
      return rows.map(({ key }) => new Date(Number(key.slice(key.lastIndexOf('@') + 1))).toISOString());
    },
    async rows(): Promise<{ lane: string; last_at: number; started_at: number }[]> {
      return sqlite.query({ sql: 'select lane, last_at, started_at from schedules', parameters: [] });
    },
    async clear(): Promise<void> {
      await sqlite.commit(
        ['ticks', 'schedules'].map((table) => ({ sql: `delete from ${table}`, parameters: [] })),
      );
    },
  };
  return world;
}
