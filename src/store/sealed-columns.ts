import type { Kysely } from 'kysely';
import { addSequence } from './add-sequence.ts';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/**
 * Log lines, security events and deployments anew, with bytes for what is sealed. What is there in the clear
 * goes: only the server holds keys, and what it would take over unsealed could have been put there by anyone.
 */
export function sealColumns(
  db: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const { schema } = db;
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    schema.dropTable('logs'),
    addSequence(schema.createTable('logs'), dialect)
      .addColumn('time', time, (column) => column.notNull())
      .addColumn('level', 'text', (column) => column.notNull())
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('app', 'text', (column) => column.notNull())
      .addColumn('function', 'text', (column) => column.notNull())
      .addColumn('deployment', 'text', (column) => column.notNull())
      .addColumn('instance', 'text')
      .addColumn('request', 'text')
      .addColumn('message', bytes, (column) => column.notNull()),
    schema.createIndex('logs_request').on('logs').column('request').where('request', 'is not', null),
    schema.dropTable('security_events'),
    addSequence(schema.createTable('security_events'), dialect)
      .addColumn('time', time, (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('severity', 'text', (column) => column.notNull())
      .addColumn('app', 'text')
      .addColumn('function', 'text')
      .addColumn('instance', 'text')
      .addColumn('request', 'text')
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('detail', bytes, (column) => column.notNull()),
    db.deleteFrom('aliases'),
    schema.dropTable('deployments'),
    schema
      .createTable('deployments')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('app', 'text', (column) => column.notNull())
      .addColumn('manifest', bytes, (column) => column.notNull())
      .addColumn('functions', bytes, (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull()),
    schema.createIndex('deployments_app').on('deployments').columns(['app', 'created_at']),
  ];
}
