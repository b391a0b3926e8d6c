import type { Kysely } from 'kysely';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/** Objects that inspection did not let into their bucket. */
export function createRejectedTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  const bytes = dialect === 'sqlite' ? 'blob' : 'bytea';
  return [
    schema
      .createTable('rejected_objects')
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('bucket', 'text', (column) => column.notNull())
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('value', bytes)
      .addColumn('object', 'text')
      .addColumn('size', time, (column) => column.notNull())
      .addColumn('detail', bytes, (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('actor', 'text', (column) => column.notNull())
      .addColumn('rejected_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('rejected_objects_key', ['project', 'id']),
    schema
      .createIndex('rejected_objects_version')
      .on('rejected_objects')
      .columns(['project', 'version'])
      .unique(),
    schema
      .createIndex('rejected_objects_object')
      .on('rejected_objects')
      .column('object')
      .where('object', 'is not', null),
    schema.createIndex('rejected_objects_time').on('rejected_objects').column('rejected_at'),
  ];
}
