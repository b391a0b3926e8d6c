import { LIMITS } from '../contract/index.ts';
import type { Write } from '../store/index.ts';
import { projectOfLease } from './claims.ts';
import type { DeadLetters, Death } from './dead-letters.ts';
import type { LogParts } from './parts.ts';
import type { LaneName } from './lane-name.ts';
import type { ClaimedEvent, Settled, Settlement } from './port.ts';
import { HEAD_COLUMNS, listOf, statement, unhold, type EventHeadRow } from './statements.ts';

type HeadRows = ReadonlyMap<string, EventHeadRow & { readonly lease: string | null }>;

/**
 * One outcome as it is written: the first of its writes changes a row if the lease holds, the second, if any, if
 * another event goes on.
 */
interface Step {
  readonly event: ClaimedEvent;
  readonly writes: readonly Write[];
  /** What else is true once it was committed. */
  readonly committed: () => void;
}

/** Writes down how attempts ended. */
export class Settling {
  readonly #parts: LogParts;
  readonly #dead: DeadLetters;

  constructor(parts: LogParts, dead: DeadLetters) {
    this.#parts = parts;
    this.#dead = dead;
  }

  /** One commit for all. */
  async settle(outcomes: readonly Settled[]): Promise<void> {
    const failed = outcomes.filter(({ outcome }) => outcome.kind !== 'done').map(({ event }) => event.id);
    const rows = await this.#read(failed);
    const steps: Step[] = [];
    for (const settled of outcomes) {
      const step = await this.#step(settled, rows);
      if (step !== null) steps.push(step);
    }
    if (steps.length === 0) return;
    const changes = await this.#parts.store.commit(steps.flatMap(({ writes }) => writes));
    let place = 0;
    const lanes: LaneName[] = [];
    for (const { writes, committed, event } of steps) {
      if (changes[place] === 1) committed();
      // The next one of its order was held back, and goes on.
      if (writes.length > 1 && changes[place + 1] === 1)
        lanes.push({ project: projectOfLease(event.lease), lane: event.lane });
      place += writes.length;
    }
    this.#parts.listeners.tell(lanes);
  }

  /** Null: the lease is another, or the event is gone. */
  async #step({ event, outcome }: Settled, rows: HeadRows): Promise<Step | null> {
    if (outcome.kind === 'done') return this.#done(event);
    const row = rows.get(event.id);
    if (row === undefined || row.lease !== event.lease || row.state === 'dead') return null;
    if (outcome.kind === 'retry') return this.#retry(row, outcome, event);
    const death: Death = { row, kind: 'undelivered', reason: outcome.reason, lease: event.lease };
    return { event, writes: await this.#dead.writes(death), committed: () => this.#dead.died(death) };
  }

  async #done(event: ClaimedEvent): Promise<Step> {
    const { id, lane, lease, order } = event;
    const { store, counts, envelopes } = this.#parts;
    const project = projectOfLease(lease);
    const text = `delete from events where id = ? and lease = ? and state != 'dead'`;
    const writes: Write[] = [statement(store, text, [id, lease])];
    if (order !== null) {
      const { current } = await envelopes.keyring(project);
      writes.push(unhold(store, project, lane, current.nameOf('order', lane, order)));
    }
    const bytes = event.event.data?.byteLength ?? 0;
    return {
      event,
      writes,
      committed: () => counts.change(project, lane, { waiting: -1, waitingBytes: -bytes }),
    };
  }

  async #retry(
    row: EventHeadRow,
    { afterMs, reason, counts }: Extract<Settlement, { kind: 'retry' }>,
    event: ClaimedEvent,
  ): Promise<Step> {
    const { store, clock, failures } = this.#parts;
    const now = clock.now();
    const dueAt = now + Math.min(Math.max(0, Math.round(afterMs)), LIMITS.eventRetentionMs.value);
    // An attempt that is given back was no failure of the event: it pushes no reason out.
    const sealed = counts
      ? await failures.add(row, { at: now, attempt: Number(row.attempts), reason })
      : row.failures;
    const text = `update events set lease = null, due_at = ?, attempts = attempts - ?, failures = ?
      where id = ? and lease = ? and state != 'dead'`;
    const parameters = [dueAt, counts ? 0 : 1, sealed, row.id, event.lease];
    return { event, writes: [statement(store, text, parameters)], committed: () => undefined };
  }

  async #read(ids: readonly string[]): Promise<HeadRows> {
    const { store } = this.#parts;
    const rows = new Map<string, EventHeadRow & { readonly lease: string | null }>();
    const size = LIMITS.eventsInFlightMax.value;
    for (let start = 0; start < ids.length; start += size) {
      const { marks, parameters } = listOf(ids.slice(start, start + size));
      const text = `select ${HEAD_COLUMNS}, lease from events where id in (${marks})`;
      type Found = EventHeadRow & { readonly lease: string | null };
      for (const row of await store.query<Found>(statement(store, text, parameters))) rows.set(row.id, row);
    }
    return rows;
  }
}
