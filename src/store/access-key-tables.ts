import type { Kysely } from 'kysely';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/** The keys with which clients of S3 sign. */
export function createAccessKeyTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  return [
    schema
      .createTable('access_keys')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('secret', dialect === 'sqlite' ? 'blob' : 'bytea', (column) => column.notNull())
      .addColumn('scope', 'text', (column) => column.notNull())
      .addColumn('created_at', time, (column) => column.notNull())
      .addColumn('expires_at', time)
      .addColumn('used_at', time),
  ];
}
