import { LIMITS, type Clock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Store } from '../store/index.ts';
import { prepareEvents } from './acceptance.ts';
import { Claims } from './claims.ts';
import { ClockWatch, dueByAnotherClock } from './clock-watch.ts';
import { DeadLetters } from './dead-letters.ts';
import { EventEnvelopes } from './envelope.ts';
import { FailureRecords } from './failures.ts';
import type { LaneName } from './lane-name.ts';
import { LaneCounts, type LaneBounds } from './lane-counts.ts';
import { Listeners } from './listeners.ts';
import { Operations } from './operations.ts';
import type { LogParts } from './parts.ts';
import type {
  Accepted,
  ClaimedEvent,
  ClaimOptions,
  EventChoice,
  EventDetail,
  EventLog,
  EventQuery,
  EventRecord,
  Lane,
  LaneStatus,
  NewEvent,
  PreparedEvents,
  Quota,
  Settled,
} from './port.ts';
import { Settling } from './settling.ts';
import { SigningKeys, type EventSealer } from './signing-keys.ts';
import { BEHIND_ANOTHER, statement } from './statements.ts';
import { Sweeping } from './sweeping.ts';

export interface EventLogOptions {
  readonly store: Store;
  readonly sealer: EventSealer;
  readonly clock: Clock;
  readonly evidence: Evidence;
  /** What may be accepted for a lane, whoever sends it. Default: whatever fits. */
  readonly quota?: Quota;
  /** For tests. Default: those of `LIMITS`. */
  readonly bounds?: Partial<LaneBounds>;
}

const BOUNDS: LaneBounds = {
  waitingMax: LIMITS.eventsWaitingMax.value,
  waitingBytesMax: LIMITS.eventsWaitingBytesMax.value,
  deadMax: LIMITS.deadLettersMax.value,
  deadBytesMax: LIMITS.deadLetterBytesMax.value,
};

interface CountRow {
  readonly project: string;
  readonly lane: Lane;
  readonly state: 'waiting' | 'held' | 'dead';
  readonly events: number | string;
  readonly bytes: number | string;
}

/**
 * Opens the log of a store, which has one owner at a time. What an earlier owner worked on when it ended is due at
 * once, and that attempt counts: an event that kills the server is tried as often as any other. Close it before the
 * store. Errors: those of the store.
 */
export async function openEventLog(options: EventLogOptions): Promise<EventLog> {
  const { store, sealer, clock, evidence, bounds, quota = () => null } = options;
  const rows = await store.query<CountRow>(
    statement(
      store,
      'select project, lane, state, count(*) as events, sum(bytes) as bytes from events group by project, lane, state',
      [],
    ),
  );
  const counts = new LaneCounts({ ...BOUNDS, ...bounds });
  for (const { project, lane, state, events, bytes } of rows) {
    const [number, size] = [Number(events), Number(bytes)];
    const amounts =
      state === 'dead' ? { dead: number, deadBytes: size } : { waiting: number, waitingBytes: size };
    counts.change(project, lane, amounts);
  }
  const held = rows.filter(({ state }) => state === 'held');
  const waiting = rows.filter(({ state }) => state === 'waiting');
  await store.commit([
    statement(store, 'update events set lease = null, due_at = ? where lease is not null', [clock.now()]),
    ...dueByAnotherClock({ store, clock }, waiting),
    // They are right unless somebody else removed rows; a line without its first would stand still.
    ...(held.length === 0
      ? []
      : [
          statement(
            store,
            `update events set state = 'waiting' where state = 'held' and not ${BEHIND_ANOTHER}`,
            [],
          ),
        ]),
  ]);
  const envelopes = new EventEnvelopes(sealer, new SigningKeys(store, sealer));
  const failures = new FailureRecords(sealer);
  const listeners = new Listeners();
  const parts = { store, clock, evidence, counts, envelopes, failures, listeners, quota };
  return new StoreEventLog(parts, held);
}

/** The log in a store: one row for each event, and in memory what stands in each lane. */
class StoreEventLog implements EventLog {
  readonly #parts: LogParts;
  readonly #claims: Claims;
  readonly #settling: Settling;
  readonly #operations: Operations;
  readonly #sweeping: Sweeping;
  readonly #watch: ClockWatch;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: LogParts, holding: readonly LaneName[]) {
    const dead = new DeadLetters(parts);
    this.#parts = parts;
    this.#claims = new Claims(parts, dead, holding);
    this.#settling = new Settling(parts, dead);
    this.#operations = new Operations(parts, dead);
    this.#sweeping = new Sweeping(parts, dead);
    this.#watch = new ClockWatch(parts, this.#sweeping);
    this.#timer = setInterval(
      () => void this.sweep().catch(() => undefined),
      LIMITS.eventSweepIntervalMs.value,
    ).unref();
  }

  async accept(events: readonly NewEvent[]): Promise<readonly Accepted[]> {
    if (events.length === 0) return [];
    const prepared = await this.prepare(events);
    let changes: readonly number[];
    try {
      changes = await this.#parts.store.commit(prepared.writes);
    } catch (thrown) {
      prepared.failed();
      throw thrown;
    }
    return prepared.committed(changes);
  }

  prepare(events: readonly NewEvent[]): Promise<PreparedEvents> {
    return prepareEvents(this.#parts, events);
  }

  async claim(project: string, lane: Lane, options: ClaimOptions): Promise<readonly ClaimedEvent[]> {
    const minding = this.#watch.mind();
    if (minding !== null) await minding;
    return this.#claims.claim(project, lane, options);
  }

  settle(outcomes: readonly Settled[]): Promise<void> {
    return this.#settling.settle(outcomes);
  }

  lanes(): readonly LaneStatus[] {
    return this.#parts.counts.statuses();
  }

  async nextDue(project: string, lane: Lane): Promise<number | null> {
    const minding = this.#watch.mind();
    if (minding !== null) await minding;
    const { store } = this.#parts;
    // What is held is due once the one before it has left.
    const text = `select min(due_at) as at from events where project = ? and lane = ? and state = 'waiting'`;
    const [row] = await store.query<{ at: number | string | null }>(statement(store, text, [project, lane]));
    return row === undefined || row.at === null ? null : Number(row.at);
  }

  onAccepted(listener: (project: string, lane: Lane) => void): () => void {
    return this.#parts.listeners.add(listener);
  }

  list(
    query: EventQuery,
  ): Promise<{ readonly events: readonly EventRecord[]; readonly next: string | null }> {
    return this.#operations.list(query);
  }

  show(project: string, id: string): Promise<EventDetail | null> {
    return this.#operations.show(project, id);
  }

  replay(project: string, choice: EventChoice): Promise<number> {
    return this.#operations.replay(project, choice);
  }

  drop(project: string, choice: EventChoice): Promise<number> {
    return this.#operations.drop(project, choice);
  }

  async sweep(): Promise<void> {
    const minding = this.#watch.mind();
    if (minding !== null) await minding;
    await this.#sweeping.sweep();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#parts.listeners.clear();
    await this.#sweeping.settled();
  }
}
