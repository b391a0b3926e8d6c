import type { Statement, Store, Write } from '../store/index.ts';

const numbered = new Map<string, string>();

/** A statement whose parameters stand as `?` in a constant text; numbered where the dialect asks for it. */
export function statement(
  { dialect }: Pick<Store, 'dialect'>,
  text: string,
  parameters: readonly unknown[],
): Statement {
  return { sql: dialect === 'sqlite' ? text : numberedText(text), parameters };
}

/** A list of parameters for `in (…)`, padded with its last value, so that few texts are prepared. */
export function listOf<T>(values: readonly T[]): {
  readonly marks: string;
  readonly parameters: readonly T[];
} {
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, values.length)));
  const parameters = Array.from(
    { length: size },
    (_, index) => values[Math.min(index, values.length - 1)] as T,
  );
  return { marks: parameters.map(() => '?').join(', '), parameters };
}

const INSERT_COLUMNS =
  'id, project, lane, state, order_key, due_at, attempts, hops, bytes, accepted_at, waiting_since, envelope';

/** An event as it is first written. */
export interface NewRow {
  readonly id: string;
  readonly project: string;
  readonly lane: string;
  readonly orderKey: string | null;
  readonly dueAt: number;
  readonly hops: number;
  readonly bytes: number;
  readonly acceptedAt: number;
  readonly envelope: Uint8Array;
}

function valuesOf(row: NewRow): readonly unknown[] {
  const { id, project, lane, orderKey, dueAt, hops, bytes, acceptedAt, envelope } = row;
  return [id, project, lane, 'waiting', orderKey, dueAt, 0, hops, bytes, acceptedAt, acceptedAt, envelope];
}

export function insertEvent(store: Store, row: NewRow): Write {
  const text = `insert into events (${INSERT_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  return { ...statement(store, text, valuesOf(row)), changes: 1 };
}

/** Two writes, of which the first changes one row if no living key is in the way and none otherwise. */
export function insertKeyedEvent(store: Store, row: NewRow, keyHash: string, expiresAt: number): Write[] {
  const bytes = store.dialect === 'sqlite' ? 'blob' : 'bytea';
  // PostgreSQL takes parameters of a `select` for text where it is not told.
  const insert = `insert into events (${INSERT_COLUMNS})
    select cast(? as text), cast(? as text), cast(? as text), cast(? as text), cast(? as text), cast(? as bigint),
      cast(? as integer), cast(? as integer), cast(? as bigint), cast(? as bigint), cast(? as bigint), cast(? as ${bytes})
    where not exists (select 1 from event_keys where project = ? and lane = ? and key_hash = ? and expires_at > ?)`;
  const remember = `insert into event_keys (project, lane, key_hash, expires_at) values (?, ?, ?, ?)
    on conflict (project, lane, key_hash) do update set expires_at = excluded.expires_at
    where event_keys.expires_at <= ?`;
  const key = [row.project, row.lane, keyHash];
  return [
    statement(store, insert, [...valuesOf(row), ...key, row.acceptedAt]),
    statement(store, remember, [...key, expiresAt, row.acceptedAt]),
  ];
}

/** True of an event before which another of the same order waits, in its lane. */
export const BEHIND_ANOTHER = `exists (select 1 from events as earlier where earlier.project = events.project
  and earlier.lane = events.lane and earlier.order_key = events.order_key and earlier.state != 'dead'
  and earlier.sequence < events.sequence)`;

/**
 * Has the first event of an order go on after one before it left. It belongs into each transaction in which an
 * event leaves its lane alive: what is held and first would wait for ever.
 */
export function unhold(store: Store, project: string, lane: string, orderKey: string): Write {
  const text = `update events set state = 'waiting' where state = 'held' and sequence =
    (select min(sequence) from events where project = ? and lane = ? and order_key = ? and state != 'dead')`;
  return statement(store, text, [project, lane, orderKey]);
}

/** An event as it is stored; numbers may come as text. */
export interface EventRow {
  readonly sequence: number | string;
  readonly id: string;
  readonly project: string;
  readonly lane: string;
  readonly state: 'waiting' | 'held' | 'dead';
  readonly order_key: string | null;
  readonly due_at: number | string;
  readonly attempts: number | string;
  readonly hops: number | string;
  readonly bytes: number | string;
  readonly accepted_at: number | string;
  readonly died_at: number | string | null;
  readonly failures: Uint8Array | null;
  readonly envelope: Uint8Array;
}

/** All but the envelope, which may be large. */
export const HEAD_COLUMNS =
  'sequence, id, project, lane, state, order_key, due_at, attempts, hops, bytes, accepted_at, died_at, failures';
export type EventHeadRow = Omit<EventRow, 'envelope'>;

function numberedText(text: string): string {
  let known = numbered.get(text);
  if (known === undefined) {
    let count = 0;
    known = text.replaceAll('?', () => `$${(count += 1)}`);
    numbered.set(text, known);
  }
  return known;
}
