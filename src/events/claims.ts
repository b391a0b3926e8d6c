import { randomBytes } from 'node:crypto';
import { LIMITS } from '../contract/index.ts';
import type { Write } from '../store/index.ts';
import type { DeadLetters, Death } from './dead-letters.ts';
import { laneKey, type LaneName } from './lane-name.ts';
import type { LogParts } from './parts.ts';
import type { ClaimedEvent, ClaimOptions, Lane } from './port.ts';
import { BEHIND_ANOTHER, listOf, statement, type EventRow } from './statements.ts';

const LEASE_BYTES = 16;

/** An event that is due, before it is claimed. */
interface DueRow {
  readonly sequence: number | string;
  readonly bytes: number | string;
  readonly blocked: number | boolean;
}

/** A lease that names its project, so that what is settled needs no look-up. */
function newLease(project: string): string {
  return `${randomBytes(LEASE_BYTES).toString('hex')}.${project}`;
}

export function projectOfLease(lease: string): string {
  return lease.slice(lease.indexOf('.') + 1);
}

/**
 * Leases events. Of an ordered lane only the first event of each order is given out; those behind it that a claim
 * comes across are `held`, so that no later claim looks at them until it is their turn: a long line costs each of
 * its events two updates, and not each claim a walk along it.
 */
export class Claims {
  readonly #parts: LogParts;
  readonly #dead: DeadLetters;
  /** Lanes that may hold events back, by project and name. */
  readonly #holding: Set<string>;

  constructor(parts: LogParts, dead: DeadLetters, holding: readonly LaneName[]) {
    this.#parts = parts;
    this.#dead = dead;
    this.#holding = new Set(holding.map(laneKey));
  }

  /** Events that are due, first those that have been for longest. */
  async claim(project: string, lane: Lane, options: ClaimOptions): Promise<readonly ClaimedEvent[]> {
    const lease = newLease(project);
    const claimed = options.ordered
      ? await this.#leaseOrdered(project, lane, lease, options)
      : await this.#leaseAny(project, lane, lease, options);
    if (claimed === 0) return [];
    try {
      return await this.#open(lease);
    } catch (thrown) {
      await this.#giveBack(lease).catch(() => undefined);
      throw thrown;
    }
  }

  async #leaseAny(project: string, lane: Lane, lease: string, options: ClaimOptions): Promise<number> {
    if (this.#holding.has(laneKey({ project, lane }))) await this.#releaseHeld(project, lane);
    const { store, clock } = this.#parts;
    const limit = limitOf(options);
    const due = await store.query<DueRow>(
      statement(
        store,
        `select sequence, bytes, 0 as blocked from events
          where project = ? and lane = ? and state = 'waiting' and due_at <= ? order by due_at, sequence limit ?`,
        [project, lane, clock.now(), limit],
      ),
    );
    return this.#lease(lease, within(due, limit, options.bytesMax), [], options);
  }

  async #leaseOrdered(project: string, lane: Lane, lease: string, options: ClaimOptions): Promise<number> {
    const { store, clock } = this.#parts;
    const windowMax = LIMITS.eventOrderWindowMax.value;
    let limit = limitOf(options);
    let { bytesMax } = options;
    let claimed = 0;
    for (let window = 0; window < LIMITS.eventOrderWindowsMax.value; window += 1) {
      const due = await store.query<DueRow>(
        statement(
          store,
          `select sequence, bytes, ${BEHIND_ANOTHER} as blocked from events
            where project = ? and lane = ? and state = 'waiting' and due_at <= ? order by due_at, sequence limit ?`,
          [project, lane, clock.now(), windowMax],
        ),
      );
      const blocked = due.filter((row) => Boolean(row.blocked));
      const first = due.filter((row) => !row.blocked);
      const taken = within(first, limit, bytesMax);
      // Before the write: an unordered claim that comes meanwhile must not overlook it.
      if (blocked.length > 0) this.#holding.add(laneKey({ project, lane }));
      claimed += await this.#lease(lease, taken, blocked, options);
      limit -= taken.length;
      bytesMax -= bytesOf(taken);
      if (due.length < windowMax || taken.length < first.length || limit <= 0 || bytesMax <= 0) break;
    }
    return claimed;
  }

  /** One commit; what somebody else took meanwhile stays theirs. */
  async #lease(
    lease: string,
    rows: readonly DueRow[],
    blocked: readonly DueRow[],
    { leaseMs, ordered }: ClaimOptions,
  ): Promise<number> {
    const { store, clock } = this.#parts;
    if (rows.length + blocked.length === 0) return 0;
    const now = clock.now();
    const writes: Write[] = [];
    if (blocked.length > 0) {
      const { marks, parameters } = listOf(blocked.map(({ sequence }) => sequence));
      const text = `update events set state = 'held'
        where sequence in (${marks}) and state = 'waiting' and ${BEHIND_ANOTHER}`;
      writes.push(statement(store, text, parameters));
    }
    if (rows.length > 0) {
      const { marks, parameters } = listOf(rows.map(({ sequence }) => sequence));
      const text = `update events set lease = ?, due_at = ?, attempts = attempts + 1
        where sequence in (${marks}) and state = 'waiting' and due_at <= ?
        ${ordered ? `and not ${BEHIND_ANOTHER}` : ''}`;
      writes.push(statement(store, text, [lease, now + leaseMs, ...parameters, now]));
    }
    const changes = await store.commit(writes);
    return rows.length === 0 ? 0 : (changes.at(-1) ?? 0);
  }

  async #open(lease: string): Promise<readonly ClaimedEvent[]> {
    const { store, envelopes } = this.#parts;
    const rows = await store.query<EventRow>(
      statement(store, 'select * from events where lease = ? order by sequence', [lease]),
    );
    const events: ClaimedEvent[] = [];
    const forged: Death[] = [];
    for (const row of rows) {
      const opened = await envelopes.open(row);
      if (opened === null) {
        forged.push({ row, kind: 'forged', reason: 'forged', lease });
        continue;
      }
      const { id, lane, hops, attempts: attempt, accepted_at: acceptedAt } = row;
      events.push({
        id,
        lane,
        ...opened,
        hops: Number(hops),
        attempt: Number(attempt),
        acceptedAt: Number(acceptedAt),
        lease,
      });
    }
    await this.#dead.bury(forged);
    return events;
  }

  async #giveBack(lease: string): Promise<void> {
    const { store, clock } = this.#parts;
    const text = 'update events set lease = null, due_at = ?, attempts = attempts - 1 where lease = ?';
    await store.commit([statement(store, text, [clock.now(), lease])]);
  }

  /** For a lane whose consumer asked for order once, and does not any more. */
  async #releaseHeld(project: string, lane: Lane): Promise<void> {
    const { store } = this.#parts;
    this.#holding.delete(laneKey({ project, lane }));
    const text = `update events set state = 'waiting' where sequence in
      (select sequence from events where project = ? and lane = ? and state = 'held' limit ?)`;
    const batch = LIMITS.eventSweepBatchMax.value;
    try {
      let released = batch;
      while (released === batch) {
        [released = 0] = await store.commit([statement(store, text, [project, lane, batch])]);
      }
    } catch (thrown) {
      this.#holding.add(laneKey({ project, lane }));
      throw thrown;
    }
  }
}

function limitOf({ limit }: ClaimOptions): number {
  return Math.min(Math.max(1, Math.floor(limit)), LIMITS.eventsInFlightMax.value);
}

function bytesOf(rows: readonly DueRow[]): number {
  return rows.reduce((sum, { bytes }) => sum + Number(bytes), 0);
}

/** The first rows up to a number, and until their bytes reach a bound: always one. */
function within(rows: readonly DueRow[], limit: number, bytesMax: number): readonly DueRow[] {
  const taken: DueRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (taken.length === limit || (taken.length > 0 && bytes >= bytesMax)) break;
    taken.push(row);
    bytes += Number(row.bytes);
  }
  return taken;
}
