import { CordonError } from '../contract/index.ts';
import type {
  Accepted,
  ClaimedEvent,
  ClaimOptions,
  EventChoice,
  EventDetail,
  EventLog,
  EventQuery,
  EventRecord,
  EventState,
  Lane,
  LaneStatus,
  NewEvent,
  PreparedEvents,
  Settled,
} from '../events/index.ts';

interface Row {
  readonly id: string;
  readonly given: NewEvent;
  readonly acceptedAt: number;
  state: EventState;
  attempts: number;
  dueAt: number;
  lease: string | null;
  reason: string | null;
}

/** The log of events in memory, for what takes events out of it. It keeps every promise of the port but durability. */
export class MemoryEventLog implements EventLog {
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #listeners = new Set<(project: string, lane: Lane) => void>();
  #sequence = 0;
  /** Events that were settled as done, in that order. */
  readonly done: string[] = [];
  /** Calls so far. */
  readonly calls = { claim: 0, settle: 0, nextDue: 0 };
  /** To be thrown by the next calls of that name. */
  readonly failures: { claim: number; settle: number } = { claim: 0, settle: 0 };

  constructor(now: () => number) {
    this.#now = now;
  }

  accept(events: readonly NewEvent[]): Promise<readonly Accepted[]> {
    const accepted = events.map((given) => {
      this.#sequence += 1;
      const id = `e${this.#sequence}`;
      const acceptedAt = this.#now();
      const row = { id, given, acceptedAt, attempts: 0, dueAt: acceptedAt + given.delayMs };
      this.#rows.set(id, { ...row, state: 'waiting', lease: null, reason: null });
      return { id };
    });
    const lanes = new Map(events.map(({ project, lane }) => [`${project} ${lane}`, { project, lane }]));
    for (const { project, lane } of lanes.values())
      for (const listener of this.#listeners) listener(project, lane);
    return Promise.resolve(accepted);
  }

  prepare(): Promise<PreparedEvents> {
    return Promise.reject(new CordonError('CORDON_INTERNAL'));
  }

  claim(project: string, lane: Lane, options: ClaimOptions): Promise<readonly ClaimedEvent[]> {
    this.calls.claim += 1;
    if (this.failures.claim > 0) {
      this.failures.claim -= 1;
      return Promise.reject(new CordonError('CORDON_STORE_FAILED'));
    }
    const now = this.#now();
    const claimed: ClaimedEvent[] = [];
    const orders = new Set<string>();
    let bytes = 0;
    for (const row of this.#rows.values()) {
      const { order } = row.given;
      if (row.given.project !== project || row.given.lane !== lane || row.state !== 'waiting') continue;
      const isHeld = options.ordered && order !== null && orders.has(order);
      if (order !== null) orders.add(order);
      if (isHeld || row.dueAt > now) continue;
      if (claimed.length >= options.limit || bytes >= options.bytesMax) break;
      row.attempts += 1;
      row.dueAt = now + options.leaseMs;
      row.lease = `${row.id}.${row.attempts}.${this.calls.claim}`;
      bytes += row.given.event.data?.byteLength ?? 0;
      claimed.push(claimedOf(row, row.lease));
    }
    return Promise.resolve(claimed);
  }

  settle(outcomes: readonly Settled[]): Promise<void> {
    this.calls.settle += 1;
    if (this.failures.settle > 0) {
      this.failures.settle -= 1;
      return Promise.reject(new CordonError('CORDON_STORE_FAILED'));
    }
    for (const { event, outcome } of outcomes) {
      const row = this.#rows.get(event.id);
      if (row === undefined || row.lease !== event.lease) continue;
      row.lease = null;
      if (outcome.kind === 'done') {
        this.done.push(row.id);
        this.#rows.delete(row.id);
        continue;
      }
      row.reason = outcome.reason;
      if (outcome.kind === 'dead') row.state = 'dead';
      else {
        row.dueAt = this.#now() + outcome.afterMs;
        if (!outcome.counts) row.attempts -= 1;
      }
    }
    return Promise.resolve();
  }

  lanes(): readonly LaneStatus[] {
    const found = new Map<string, { waiting: number; waitingBytes: number; dead: number; row: Row }>();
    for (const row of this.#rows.values()) {
      const key = `${row.given.project} ${row.given.lane}`;
      const status = found.get(key) ?? { waiting: 0, waitingBytes: 0, dead: 0, row };
      if (row.state === 'dead') status.dead += 1;
      else {
        status.waiting += 1;
        status.waitingBytes += row.given.event.data?.byteLength ?? 0;
      }
      found.set(key, status);
    }
    return [...found.values()].map(({ row, ...status }) => ({
      project: row.given.project,
      lane: row.given.lane,
      ...status,
    }));
  }

  nextDue(project: string, lane: Lane): Promise<number | null> {
    this.calls.nextDue += 1;
    let due = Number.POSITIVE_INFINITY;
    for (const { given, state, dueAt } of this.#rows.values())
      if (given.project === project && given.lane === lane && state === 'waiting') due = Math.min(due, dueAt);
    return Promise.resolve(due === Number.POSITIVE_INFINITY ? null : due);
  }

  onAccepted(listener: (project: string, lane: Lane) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list(
    query: EventQuery,
  ): Promise<{ readonly events: readonly EventRecord[]; readonly next: string | null }> {
    const rows = [...this.#rows.values()].filter(
      ({ given, state }) =>
        given.project === query.project &&
        (query.lane === undefined || given.lane === query.lane) &&
        (query.state === undefined || state === query.state),
    );
    return Promise.resolve({ events: rows.slice(0, query.limit).map(recordOf), next: null });
  }

  show(project: string, id: string): Promise<EventDetail | null> {
    const row = this.#rows.get(id);
    if (row === undefined || row.given.project !== project) return Promise.resolve(null);
    return Promise.resolve({ ...recordOf(row), event: row.given.event, failures: [] });
  }

  replay(project: string, choice: EventChoice): Promise<number> {
    let count = 0;
    for (const row of this.#chosen(project, choice)) {
      if (row.state !== 'dead') continue;
      Object.assign(row, { state: 'waiting', attempts: 0, dueAt: this.#now() });
      count += 1;
      for (const listener of this.#listeners) listener(project, row.given.lane);
    }
    return Promise.resolve(count);
  }

  drop(project: string, choice: EventChoice): Promise<number> {
    const rows = this.#chosen(project, choice);
    for (const row of rows) this.#rows.delete(row.id);
    return Promise.resolve(rows.length);
  }

  sweep(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Ids of what is dead, with the reasons. */
  get dead(): ReadonlyMap<string, string | null> {
    const rows = [...this.#rows.values()].filter(({ state }) => state === 'dead');
    return new Map(rows.map(({ id, reason }) => [id, reason]));
  }

  /** What waits. */
  get waiting(): readonly {
    readonly id: string;
    readonly attempts: number;
    readonly reason: string | null;
  }[] {
    return [...this.#rows.values()].filter(({ state }) => state === 'waiting');
  }

  #chosen(project: string, choice: EventChoice): Row[] {
    return [...this.#rows.values()].filter(
      ({ id, given, state }) =>
        given.project === project &&
        ('ids' in choice ? choice.ids.includes(id) : given.lane === choice.lane && state === choice.state),
    );
  }
}

function claimedOf(row: Row, lease: string): ClaimedEvent {
  const { lane, event, order, hops } = row.given;
  const { id, attempts: attempt, acceptedAt } = row;
  return { id, lane, event, order, hops, attempt, acceptedAt, lease };
}

function recordOf({ id, given, state, attempts, acceptedAt, dueAt, reason }: Row): EventRecord {
  const { lane, hops, event } = given;
  const bytes = event.data?.byteLength ?? 0;
  return { id, lane, state, attempts, hops, bytes, acceptedAt, at: dueAt, reason };
}
