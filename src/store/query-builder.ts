import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Dialect,
} from 'kysely';
import type { Store } from './port.ts';
import type { Tables } from './tables.ts';

// Queries are only compiled here; a store runs them.
const DIALECTS: Readonly<Record<Store['dialect'], Dialect>> = {
  sqlite: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
  postgres: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
};

const builders = new Map<Store['dialect'], Kysely<Tables>>();

/**
 * Builds statements for a dialect: `store.query(queryBuilder(store.dialect).selectFrom('tokens').selectAll().compile())`.
 * It holds no connection; executing one of its queries yields nothing.
 */
export function queryBuilder(dialect: Store['dialect']): Kysely<Tables> {
  let builder = builders.get(dialect);
  if (builder === undefined) {
    builder = new Kysely<Tables>({ dialect: DIALECTS[dialect] });
    builders.set(dialect, builder);
  }
  return builder;
}
