import type { CreateTableBuilder } from 'kysely';
import type { Store } from './port.ts';

/** The key of a table whose rows are numbered in the order in which they came; numbers are never used again. */
export function addSequence(
  table: CreateTableBuilder<string, never>,
  dialect: Store['dialect'],
): CreateTableBuilder<string, 'sequence'> {
  return dialect === 'sqlite'
    ? table.addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
    : table.addColumn('sequence', 'bigint', (column) => column.primaryKey().generatedByDefaultAsIdentity());
}
