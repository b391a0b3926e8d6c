import type { SecurityEvent } from '../evidence/index.ts';
import type { Write } from '../store/index.ts';
import type { LaneName } from './lane-name.ts';
import type { LogParts } from './parts.ts';
import { targetOf } from './source-table.ts';
import { statement, unhold, type EventHeadRow } from './statements.ts';

/** Why an event is a dead letter: what its consumer said, its age, or that somebody else made it. */
export interface Death {
  readonly row: EventHeadRow;
  readonly kind: 'undelivered' | 'expired' | 'forged';
  readonly reason: string;
  /** Only while this lease holds; null: only while none does. Absent: whatever the lease. */
  readonly lease?: string | null;
}

/** Makes dead letters of events, in commits of whoever does. */
export class DeadLetters {
  readonly #parts: LogParts;

  constructor(parts: LogParts) {
    this.#parts = parts;
  }

  /**
   * The first of the writes changes one row when the event dies, and none when it is not alive or the lease is
   * another. The second, if any, changes one when the next of its order goes on.
   */
  async writes({ row, reason, lease }: Death): Promise<Write[]> {
    const { store, clock, failures } = this.#parts;
    const now = clock.now();
    const sealed = await failures.add(row, { at: now, attempt: Number(row.attempts), reason });
    const condition = { sql: '', parameters: [] as unknown[] };
    if (lease === null) {
      condition.sql = 'and (lease is null or due_at <= ?)';
      condition.parameters.push(now);
    } else if (lease !== undefined) {
      condition.sql = 'and lease = ?';
      condition.parameters.push(lease);
    }
    const text = `update events set state = 'dead', lease = null, died_at = ?, failures = ?
      where sequence = ? and state != 'dead' ${condition.sql}`;
    const { project, lane, sequence, order_key: orderKey } = row;
    return [
      statement(store, text, [now, sealed, sequence, ...condition.parameters]),
      ...(orderKey === null ? [] : [unhold(store, project, lane, orderKey)]),
    ];
  }

  /** Counts a death that was committed, and says it. */
  died({ row, kind, reason }: Death): void {
    const { counts, evidence } = this.#parts;
    const { project, lane, id } = row;
    const bytes = Number(row.bytes);
    counts.change(project, lane, { waiting: -1, waitingBytes: -bytes, dead: 1, deadBytes: bytes });
    const target = targetOf(lane);
    const common: Omit<SecurityEvent, 'time' | 'kind' | 'severity' | 'detail'> = {
      app: target?.app ?? null,
      function: target?.function ?? null,
      instance: null,
      request: null,
      reason: kind,
    };
    const detail = { project, lane, id, attempts: Number(row.attempts), reason };
    evidence.record(
      kind === 'forged'
        ? { ...common, kind: 'event.forged', severity: 'high', detail }
        : { ...common, kind: 'event.dead', severity: 'low', detail },
    );
  }

  /** Makes dead letters of all that are still alive, in one commit. */
  async bury(deaths: readonly Death[]): Promise<void> {
    if (deaths.length === 0) return;
    const writes: Write[] = [];
    const places: number[] = [];
    for (const death of deaths) {
      places.push(writes.length);
      writes.push(...(await this.writes(death)));
    }
    const changes = await this.#parts.store.commit(writes);
    const following: LaneName[] = [];
    for (const [index, death] of deaths.entries()) {
      const place = places[index] ?? -1;
      if (changes[place] === 1) this.died(death);
      if (death.row.order_key !== null && changes[place + 1] === 1) following.push(death.row);
    }
    this.#parts.listeners.tell(following);
  }
}
