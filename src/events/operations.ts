import { CordonError, LIMITS } from '../contract/index.ts';
import { full } from './acceptance.ts';
import type { DeadLetters, Death } from './dead-letters.ts';
import type { LogParts } from './parts.ts';
import type { EventChoice, EventDetail, EventQuery, EventRecord } from './port.ts';
import { removeRows } from './removal.ts';
import { HEAD_COLUMNS, listOf, statement, type EventHeadRow, type EventRow } from './statements.ts';

const BATCH = LIMITS.eventSweepBatchMax.value;
/** Each is read with its data, and verified. */
const REPLAY_BATCH = LIMITS.eventBatchMax.value;
const CURSOR = /^[0-9]{1,15}$/;

/** What operators do with events. */
export class Operations {
  readonly #parts: LogParts;
  readonly #dead: DeadLetters;

  constructor(parts: LogParts, dead: DeadLetters) {
    this.#parts = parts;
    this.#dead = dead;
  }

  /** Errors: CORDON_CURSOR_INVALID, those of the vault and of the store. */
  async list(
    query: EventQuery,
  ): Promise<{ readonly events: readonly EventRecord[]; readonly next: string | null }> {
    const { store } = this.#parts;
    const limit = Math.min(Math.max(1, query.limit), LIMITS.eventListMax.value);
    const conditions = ['project = ?', 'sequence > ?'];
    const parameters: unknown[] = [query.project, positionOf(query.after)];
    if (query.lane !== undefined) {
      conditions.push('lane = ?');
      parameters.push(query.lane);
    }
    if (query.state !== undefined)
      conditions.push(query.state === 'dead' ? `state = 'dead'` : `state != 'dead'`);
    const text = `select ${HEAD_COLUMNS} from events where ${conditions.join(' and ')} order by sequence limit ?`;
    const rows = await store.query<EventHeadRow>(statement(store, text, [...parameters, limit + 1]));
    const page = rows.slice(0, limit);
    const events: EventRecord[] = [];
    for (const row of page) events.push(await this.#record(row));
    const last = page.at(-1);
    return { events, next: rows.length > limit && last !== undefined ? String(last.sequence) : null };
  }

  /** Errors: CORDON_EVENT_FORGED, those of the vault and of the store. */
  async show(project: string, id: string): Promise<EventDetail | null> {
    const { store, envelopes, failures } = this.#parts;
    const text = 'select * from events where project = ? and id = ?';
    const [row] = await store.query<EventRow>(statement(store, text, [project, id]));
    if (row === undefined) return null;
    const opened = await envelopes.open(row);
    if (opened === null) {
      await this.#dead.bury([forgery(row)]);
      throw new CordonError(
        'CORDON_EVENT_FORGED',
        `Cannot show ${id}: it was not made by this server, or changed.`,
      );
    }
    return { ...(await this.#record(row)), event: opened.event, failures: await failures.read(row) };
  }

  /** Those that do not verify stay dead. Errors: CORDON_EVENTS_FULL, those of the vault and of the store. */
  replay(project: string, choice: EventChoice): Promise<number> {
    if (!('ids' in choice) && choice.state !== 'dead') return Promise.resolve(0);
    return this.#each(project, choice, REPLAY_BATCH, (heads) => this.#replay(heads));
  }

  /** Whatever its state is, and whoever works on it. */
  drop(project: string, choice: EventChoice): Promise<number> {
    return this.#each(project, choice, BATCH, (rows) => removeRows(this.#parts, rows));
  }

  async #record(row: EventHeadRow): Promise<EventRecord> {
    const { id, lane, state, attempts, hops, bytes, accepted_at: acceptedAt } = row;
    return {
      id,
      lane,
      state: state === 'dead' ? 'dead' : 'waiting',
      attempts: Number(attempts),
      hops: Number(hops),
      bytes: Number(bytes),
      acceptedAt: Number(acceptedAt),
      at: Number(row.died_at ?? row.due_at),
      reason: (await this.#parts.failures.read(row)).at(-1)?.reason ?? null,
    };
  }

  async #replay(heads: readonly EventHeadRow[]): Promise<number> {
    const { store, counts, envelopes, listeners } = this.#parts;
    if (heads.length === 0) return 0;
    const { marks, parameters } = listOf(heads.map(({ sequence }) => sequence));
    const text = `select * from events where sequence in (${marks}) order by sequence`;
    const rows = await store.query<EventRow>(statement(store, text, parameters));
    const dead: EventRow[] = [];
    const forged: Death[] = [];
    for (const row of rows) {
      const isAuthentic = (await envelopes.open(row)) !== null;
      if (!isAuthentic) forged.push(forgery(row));
      else if (row.state === 'dead') dead.push(row);
    }
    await this.#dead.bury(forged);
    const fitting: EventRow[] = [];
    for (const row of dead) {
      if (!counts.reserve(row.project, row.lane, 1, Number(row.bytes))) break;
      fitting.push(row);
    }
    const replayed = await this.#revive(fitting);
    listeners.tell(fitting);
    const [left] = dead.slice(fitting.length);
    if (left !== undefined) throw full(left.lane);
    return replayed;
  }

  /** Takes back the places of those that somebody else brought back or removed. */
  async #revive(rows: readonly EventRow[]): Promise<number> {
    const { store, clock, counts } = this.#parts;
    const now = clock.now();
    const last =
      store.dialect === 'sqlite'
        ? '(select max(sequence) + 1 from events)'
        : `nextval(pg_get_serial_sequence('events', 'sequence'))`;
    // To the end of its order: a later one may be at work now, and two would be.
    const text = `update events set sequence = ${last}, state = 'waiting', attempts = 0, lease = null,
      died_at = null, due_at = ?, waiting_since = ? where sequence = ? and state = 'dead'`;
    let changes: readonly number[] = [];
    try {
      if (rows.length > 0)
        changes = await store.commit(
          rows.map(({ sequence }) => statement(store, text, [now, now, sequence])),
        );
    } finally {
      for (const [index, { project, lane, bytes }] of rows.entries()) {
        const by = Number(bytes);
        const isRevived = changes[index] === 1;
        counts.change(
          project,
          lane,
          isRevived ? { dead: -1, deadBytes: -by } : { waiting: -1, waitingBytes: -by },
        );
      }
    }
    return changes.filter((changed) => changed === 1).length;
  }

  /** Walks through what was chosen, in batches; what comes meanwhile stands behind it. */
  async #each(
    project: string,
    choice: EventChoice,
    batch: number,
    work: (rows: readonly EventHeadRow[]) => Promise<number>,
  ): Promise<number> {
    const { store } = this.#parts;
    let count = 0;
    if ('ids' in choice) {
      for (let start = 0; start < choice.ids.length; start += batch) {
        const { marks, parameters } = listOf(choice.ids.slice(start, start + batch));
        const text = `select ${HEAD_COLUMNS} from events where project = ? and id in (${marks}) order by sequence`;
        count += await work(
          await store.query<EventHeadRow>(statement(store, text, [project, ...parameters])),
        );
      }
      return count;
    }
    const state = choice.state === 'dead' ? `state = 'dead'` : `state != 'dead'`;
    const text = `select ${HEAD_COLUMNS} from events where project = ? and lane = ? and ${state} and sequence > ?
      order by sequence limit ?`;
    let after: number | string = 0;
    for (;;) {
      const parameters: readonly unknown[] = [project, choice.lane, after, batch];
      const rows = await store.query<EventHeadRow>(statement(store, text, parameters));
      const last = rows.at(-1);
      if (last === undefined) return count;
      after = last.sequence;
      count += await work(rows);
    }
  }
}

function forgery(row: EventHeadRow): Death {
  return { row, kind: 'forged', reason: 'forged' };
}

function positionOf(after: string | undefined): number {
  if (after === undefined) return 0;
  if (!CURSOR.test(after)) throw new CordonError('CORDON_CURSOR_INVALID');
  return Number(after);
}
