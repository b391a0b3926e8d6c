import { sql, type Kysely } from 'kysely';
import { addSequence } from './add-sequence.ts';
import { createAccessKeyTables } from './access-key-tables.ts';
import { createApiKeyTables } from './api-key-tables.ts';
import { createEventTables } from './event-tables.ts';
import { createMultipartTables } from './multipart-tables.ts';
import type { Statement, Store } from './port.ts';
import { createRejectedTables } from './rejected-tables.ts';
import { createScheduleTables } from './schedule-tables.ts';
import { sealColumns } from './sealed-columns.ts';
import { createSessionTables } from './session-tables.ts';
import type { Tables } from './tables.ts';

/** A step of the schema. Once released it never changes; a new step follows it. */
export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  statements(db: Kysely<Tables>, dialect: Store['dialect']): readonly { compile(): Statement }[];
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'first', statements: createFirstTables },
  { number: 2, name: 'vault', statements: createVaultTables },
  { number: 3, name: 'kv, buckets and queues', statements: createCapabilityTables },
  { number: 4, name: 'secrets', statements: createSecretTables },
  { number: 5, name: 'sealed evidence and deployments', statements: sealColumns },
  { number: 6, name: 'ended sessions', statements: createSessionTables },
  { number: 7, name: 'API keys', statements: createApiKeyTables },
  { number: 8, name: 'events', statements: createEventTables },
  { number: 9, name: 'schedules', statements: createScheduleTables },
  { number: 10, name: 'access keys', statements: createAccessKeyTables },
  { number: 11, name: 'multipart uploads', statements: createMultipartTables },
  { number: 12, name: 'rejected objects', statements: createRejectedTables },
];

function createFirstTables(
  db: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const { schema } = db;
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  return [
    schema
      .createTable('deployments')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('app', 'text', (column) => column.notNull())
      .addColumn('manifest', 'text', (column) => column.notNull())
      .addColumn('functions', 'text', (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull()),
    schema.createIndex('deployments_app').on('deployments').columns(['app', 'created_at']),
    schema
      .createTable('aliases')
      .addColumn('app', 'text', (column) => column.primaryKey().notNull())
      .addColumn('live', 'text', (column) => column.notNull())
      .addColumn('canary', 'text')
      .addColumn('canary_percent', 'integer', (column) =>
        column.notNull().check(sql`canary_percent between 0 and 100`),
      )
      .addColumn('previous', 'text')
      .addColumn('updated_at', time, (column) => column.notNull()),
    schema
      .createTable('tokens')
      .addColumn('sha256', 'text', (column) => column.primaryKey().notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull()),
    addSequence(schema.createTable('logs'), dialect)
      .addColumn('time', time, (column) => column.notNull())
      .addColumn('level', 'text', (column) => column.notNull())
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('app', 'text', (column) => column.notNull())
      .addColumn('function', 'text', (column) => column.notNull())
      .addColumn('deployment', 'text', (column) => column.notNull())
      .addColumn('instance', 'text')
      .addColumn('request', 'text')
      .addColumn('message', 'text', (column) => column.notNull()),
    // The id in an answer has to find its lines at once.
    schema.createIndex('logs_request').on('logs').column('request').where('request', 'is not', null),
    addSequence(schema.createTable('security_events'), dialect)
      .addColumn('time', time, (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('severity', 'text', (column) => column.notNull())
      .addColumn('app', 'text')
      .addColumn('function', 'text')
      .addColumn('instance', 'text')
      .addColumn('request', 'text')
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('detail', 'text', (column) => column.notNull()),
    schema
      .createTable('settings')
      .addColumn('name', 'text', (column) => column.primaryKey().notNull())
      .addColumn('value', 'text', (column) => column.notNull()),
  ];
}

function createVaultTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    schema
      .createTable('data_keys')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('version', time, (column) => column.notNull())
      .addColumn('wrapped', bytes, (column) => column.notNull())
      .addColumn('wrapper', 'text', (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull())
      .addColumn('retired_at', time)
      .addPrimaryKeyConstraint('data_keys_key', ['project', 'version']),
    schema
      .createTable('data_key_rewraps')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('version', time, (column) => column.notNull())
      .addColumn('wrapped', bytes, (column) => column.notNull())
      .addColumn('wrapper', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('data_key_rewraps_key', ['project', 'version']),
    schema
      .createTable('shredded_projects')
      .addColumn('project', 'text', (column) => column.primaryKey().notNull())
      .addColumn('shredded_at', time, (column) => column.notNull()),
    schema
      .createTable('reseals')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('place', 'text', (column) => column.notNull())
      .addColumn('version', time, (column) => column.notNull())
      .addColumn('cursor', 'text')
      .addColumn('seen', time, (column) => column.notNull())
      .addColumn('rewritten', time, (column) => column.notNull())
      .addColumn('broken', time, (column) => column.notNull())
      .addColumn('started_at', time, (column) => column.notNull())
      .addColumn('done_at', time)
      .addPrimaryKeyConstraint('reseals_key', ['project', 'place']),
    schema
      .createTable('sealed_objects')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('version', time, (column) => column.notNull())
      .addColumn('object', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('sealed_objects_key', ['project', 'name']),
  ];
}

function createCapabilityTables(
  db: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const { schema } = db;
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  // Keys are listed in the order of their code points, whatever the locale of the engine is.
  const key = dialect === 'sqlite' ? sql`text` : sql`text collate "C"`;
  return [
    schema
      .createTable('kv')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('store', 'text', (column) => column.notNull())
      .addColumn('key', key, (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('value', bytes)
      .addColumn('object', 'text')
      .addColumn('size', time, (column) => column.notNull())
      .addColumn('metadata', bytes)
      .addColumn('expires_at', time)
      .addPrimaryKeyConstraint('kv_key', ['project', 'store', 'key']),
    schema.createIndex('kv_version').on('kv').columns(['project', 'version']).unique(),
    schema.createIndex('kv_expires').on('kv').column('expires_at').where('expires_at', 'is not', null),
    schema.createIndex('kv_object').on('kv').column('object').where('object', 'is not', null),
    schema
      .createTable('bucket_objects')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('bucket', 'text', (column) => column.notNull())
      .addColumn('key', key, (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('value', bytes)
      .addColumn('object', 'text')
      .addColumn('size', time, (column) => column.notNull())
      .addColumn('detail', bytes, (column) => column.notNull())
      .addColumn('uploaded_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('bucket_objects_key', ['project', 'bucket', 'key']),
    schema
      .createIndex('bucket_objects_version')
      .on('bucket_objects')
      .columns(['project', 'version'])
      .unique(),
    schema
      .createIndex('bucket_objects_object')
      .on('bucket_objects')
      .column('object')
      .where('object', 'is not', null),
    schema
      .createTable('released_objects')
      .addColumn('object', 'text', (column) => column.primaryKey().notNull()),
    addSequence(schema.createTable('queue_messages'), dialect)
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('queue', 'text', (column) => column.notNull())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('body', bytes, (column) => column.notNull())
      .addColumn('content_type', 'text', (column) => column.notNull())
      .addColumn('size', time, (column) => column.notNull())
      .addColumn('sent_at', time, (column) => column.notNull())
      .addColumn('visible_at', time, (column) => column.notNull())
      .addColumn('sender', 'text', (column) => column.notNull()),
    schema.createIndex('queue_messages_id').on('queue_messages').columns(['project', 'id']).unique(),
    schema
      .createIndex('queue_messages_visible')
      .on('queue_messages')
      .columns(['project', 'queue', 'visible_at', 'sequence']),
  ];
}

function createSecretTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  return [
    schema
      .createTable('secrets')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('name', dialect === 'sqlite' ? 'text' : sql`text collate "C"`, (column) => column.notNull())
      .addColumn('value', dialect === 'sqlite' ? 'blob' : 'bytea', (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull())
      .addColumn('updated_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('secrets_key', ['project', 'name']),
  ];
}
