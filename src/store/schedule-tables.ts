import type { Kysely } from 'kysely';
import type { Statement, Store } from './port.ts';
import type { Tables } from './tables.ts';

/** How far the schedule of each function was kept. */
export function createScheduleTables(
  { schema }: Kysely<Tables>,
  dialect: Store['dialect'],
): readonly { compile(): Statement }[] {
  const time = dialect === 'sqlite' ? 'integer' : 'bigint';
  return [
    schema
      .createTable('schedules')
      .addColumn('project', 'text', (column) => column.notNull())
      .addColumn('lane', 'text', (column) => column.notNull())
      .addColumn('last_at', time, (column) => column.notNull())
      .addColumn('started_at', time, (column) => column.notNull())
      .addPrimaryKeyConstraint('schedules_key', ['project', 'lane']),
  ];
}
