import type { Generated, Kysely } from 'kysely';
import { sql } from 'kysely';
import { addSequence } from './add-sequence.ts';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/** Events that wait or died. Who may read the store learns how many there are and when, not what they say. */
export interface EventsTable {
  readonly sequence: Generated<number>;
  readonly id: string;
  readonly project: string;
  readonly lane: string;
  /** `held`: waits behind an earlier event with the same order. */
  readonly state: 'waiting' | 'held' | 'dead';
  /** HMAC-SHA256 of the order, lower-case hex. */
  readonly order_key: string | null;
  readonly due_at: number;
  /** Random; null while nobody works on it. */
  readonly lease: string | null;
  readonly attempts: number;
  readonly hops: number;
  /** Of data, in plaintext. */
  readonly bytes: number;
  readonly accepted_at: number;
  /** When it was accepted, or was last brought back from the dead. */
  readonly waiting_since: number;
  readonly died_at: number | null;
  /** The event and its signature, sealed. */
  readonly envelope: Uint8Array;
  /** JSON of the last failures, sealed. */
  readonly failures: Uint8Array | null;
}

/** Keys of events that were accepted, so that none is accepted twice. */
export interface EventKeysTable {
  readonly project: string;
  readonly lane: string;
  /** HMAC-SHA256, lower-case hex. */
  readonly key_hash: string;
  readonly expires_at: number;
}

/** Keys with which the host signs events. */
export interface EventSigningKeysTable {
  readonly project: string;
  /** From 1; the highest signs what is new. */
  readonly version: number;
  /** Sealed. */
  readonly key: Uint8Array;
}

/** The log of events. Until now messages of queues waited in a table that nothing read. */
export function createEventTables(
  db: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  return [
    ...createEvents(db, dialect),
    ...createEventKeys(db, dialect),
    db.schema.dropTable('queue_messages'),
  ];
}

function createEvents(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    addSequence(schema.createTable('events'), dialect)
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) =>
        column.notNull().check(sql`state in ('waiting', 'held', 'dead')`),
      )
      .addColumn('order_key', 'text')
      .addColumn('due_at', time, (column) => column.notNull())
      .addColumn('lease', 'text')
      .addColumn('attempts', 'integer', (column) => column.notNull())
      .addColumn('hops', 'integer', (column) => column.notNull())
      .addColumn('bytes', time, (column) => column.notNull())
      .addColumn('accepted_at', time, (column) => column.notNull())
      .addColumn('waiting_since', time, (column) => column.notNull())
      .addColumn('died_at', time)
      .addColumn('failures', bytes)
      .addColumn('envelope', bytes, (column) => column.notNull()),
    schema.createIndex('events_id').on('events').column('id').unique(),
    // Holds all that a claim looks at, and all that is counted at a start.
    schema
      .createIndex('events_due')
      .on('events')
      .columns(['project', 'lane', 'state', 'due_at', 'sequence', 'bytes']),
    schema
      .createIndex('events_order')
      .on('events')
      .columns(['project', 'lane', 'order_key', 'sequence'])
      .where('order_key', 'is not', null)
      .where(sql.ref('state'), '!=', sql.lit('dead')),
    schema.createIndex('events_lease').on('events').column('lease').where('lease', 'is not', null),
    schema
      .createIndex('events_age')
      .on('events')
      .columns(['waiting_since'])
      .where(sql.ref('state'), '!=', sql.lit('dead')),
    schema.createIndex('events_died').on('events').column('died_at').where('died_at', 'is not', null),
    // For the pages of a list. The dead are few among many.
    schema.createIndex('events_project').on('events').columns(['project', 'sequence']),
    schema.createIndex('events_lane').on('events').columns(['project', 'lane', 'sequence']),
    schema
      .createIndex('events_dead')
      .on('events')
      .columns(['project', 'sequence'])
      .where(sql.ref('state'), '=', sql.lit('dead')),
    schema
      .createIndex('events_dead_lane')
      .on('events')
      .columns(['project', 'lane', 'sequence'])
      .where(sql.ref('state'), '=', sql.lit('dead')),
  ];
}

function createEventKeys(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    schema
      .createTable('event_keys')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('key_hash', 'text', (column) => column.notNull())
      .addColumn('expires_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('event_keys_key', ['project', 'lane', 'key_hash']),
    schema.createIndex('event_keys_expires').on('event_keys').column('expires_at'),
    schema
      .createTable('event_signing_keys')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('key', bytes, (column) => column.notNull())
      .addPrimaryKeyConstraint('event_signing_keys_key', ['project', 'version']),
  ];
}
