import { CordonError } from '../contract/index.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import type { Store } from './port.ts';
import { queryBuilder } from './query-builder.ts';

/**
 * Brings the schema up to date. Each step is one transaction, so a crash leaves it done or not begun.
 * Errors: CORDON_DATA_NEWER when the store knows a step that `migrations` does not.
 */
export async function migrate(store: Store, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const db = queryBuilder(store.dialect);
  const create = db.schema
    .createTable('migrations')
    .ifNotExists()
    .addColumn('number', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('name', 'text', (column) => column.notNull());
  await store.commit([create.compile()]);

  const [row] = await store.query<{ done: number | string | null }>(
    db
      .selectFrom('migrations')
      .select((select) => select.fn.max('number').as('done'))
      .compile(),
  );
  const done = Number(row?.done ?? 0);
  const known = migrations.at(-1)?.number ?? 0;
  if (done > known) {
    throw new CordonError(
      'CORDON_DATA_NEWER',
      `Cannot use this store: it is at schema ${done}, and this version of Cordon knows ${known}.`,
    );
  }
  for (const migration of migrations) {
    if (migration.number <= done) continue;
    const { number, name } = migration;
    const statements = migration.statements(db, store.dialect).map((statement) => statement.compile());
    await store.commit([...statements, db.insertInto('migrations').values({ number, name }).compile()]);
  }
}
