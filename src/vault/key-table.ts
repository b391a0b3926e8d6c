import { queryBuilder, type Store, type Tables } from '../store/index.ts';
import type { KeyContext } from './port.ts';

export type KeyRow = Tables['data_keys'];

/** What the store knows of the keys of a project. */
export interface ProjectKeys {
  /** The newest first. */
  readonly rows: readonly KeyRow[];
  readonly isShredded: boolean;
}

/** The wrapped data keys. */
export class KeyTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async read(project: string): Promise<ProjectKeys> {
    const db = this.#db();
    const [rows, marks] = await Promise.all([
      this.#store.query<KeyRow>(
        db
          .selectFrom('data_keys')
          .selectAll()
          .where('project', '=', project)
          .orderBy('version', 'desc')
          .compile(),
      ),
      this.#store.query(
        db.selectFrom('shredded_projects').selectAll().where('project', '=', project).compile(),
      ),
    ]);
    return { rows: rows.map(withNumbers), isShredded: marks.length > 0 };
  }

  /** Adds a key and retires those before it. Errors: CORDON_STORE_CONFLICT when it exists or the project is shredded. */
  async add(row: KeyRow): Promise<void> {
    const db = this.#db();
    const { project, version, wrapped, wrapper, created_at } = row;
    await this.#store.commit([
      {
        // Changes nothing unless the mark is there.
        ...db.updateTable('shredded_projects').set({ project }).where('project', '=', project).compile(),
        changes: 0,
      },
      db
        .updateTable('data_keys')
        .set({ retired_at: created_at })
        .where('project', '=', project)
        .where('retired_at', 'is', null)
        .compile(),
      db
        .insertInto('data_keys')
        .values({ project, version, wrapped, wrapper, created_at, retired_at: null })
        .compile(),
    ]);
  }

  /** Leaves no older copy of a row in the engine's own files. */
  scrub(): Promise<void> {
    return this.#store.scrub();
  }

  /** Overwrites and deletes the keys of a project, and marks it, in one transaction. */
  async shred(project: string, now: number): Promise<void> {
    const db = this.#db();
    const overwrites = await Promise.all(
      (['data_keys', 'data_key_rewraps'] as const).map(async (table) => {
        const rows = await this.#store.query<Pick<KeyRow, 'version' | 'wrapped'>>(
          db.selectFrom(table).select(['version', 'wrapped']).where('project', '=', project).compile(),
        );
        // In place, so at the same length: deleting alone leaves the bytes in the free space of the page.
        return rows.map(({ version, wrapped }) =>
          db
            .updateTable(table)
            .set({ wrapped: new Uint8Array(wrapped.byteLength) })
            .where('project', '=', project)
            .where('version', '=', version)
            .compile(),
        );
      }),
    );
    await this.#store.commit([
      ...overwrites.flat(),
      db.deleteFrom('data_keys').where('project', '=', project).compile(),
      db.deleteFrom('data_key_rewraps').where('project', '=', project).compile(),
      db.deleteFrom('reseals').where('project', '=', project).compile(),
      db
        .insertInto('shredded_projects')
        .values({ project, shredded_at: now })
        .onConflict((conflict) => conflict.doNothing())
        .compile(),
    ]);
  }

  async forget(project: string, versions: readonly number[]): Promise<void> {
    const db = this.#db();
    await this.#store.commit(
      (['data_keys', 'data_key_rewraps'] as const).map((table) =>
        db.deleteFrom(table).where('project', '=', project).where('version', 'in', versions).compile(),
      ),
    );
  }

  /** Ids of all master keys that are in use. */
  async wrappers(): Promise<readonly string[]> {
    const rows = await this.#store.query<{ wrapper: string }>(
      this.#db().selectFrom('data_keys').select('wrapper').distinct().compile(),
    );
    return rows.map(({ wrapper }) => wrapper);
  }

  async count(): Promise<number> {
    const [row] = await this.#store.query<{ count: number | string }>(
      this.#db()
        .selectFrom('data_keys')
        .select((select) => select.fn.countAll().as('count'))
        .compile(),
    );
    return Number(row?.count ?? 0);
  }

  /** Keys that another master key wraps and that are not staged for this one yet. */
  async unstaged(wrapper: string, limit: number): Promise<readonly KeyRow[]> {
    const rows = await this.#store.query<KeyRow>(
      this.#selectUnstaged(wrapper)
        .selectAll('key')
        .orderBy('key.project')
        .orderBy('key.version')
        .limit(limit)
        .compile(),
    );
    return rows.map(withNumbers);
  }

  async countUnstaged(wrapper: string): Promise<number> {
    const [row] = await this.#store.query<{ count: number | string }>(
      this.#selectUnstaged(wrapper)
        .select((select) => select.fn.countAll().as('count'))
        .compile(),
    );
    return Number(row?.count ?? 0);
  }

  /** Forgets what an earlier rotation to another master key left. */
  async clearStaged(wrapper: string): Promise<void> {
    await this.#store.commit([
      this.#db().deleteFrom('data_key_rewraps').where('wrapper', '!=', wrapper).compile(),
    ]);
  }

  /** Durably keeps a key as the next master key wraps it. A key that is gone by now is not staged. */
  async stage({ project, version }: KeyContext, wrapper: string, wrapped: Uint8Array): Promise<void> {
    const db = this.#db();
    await this.#store.commit([
      {
        ...db
          .updateTable('data_keys')
          .set({ project })
          .where('project', '=', project)
          .where('version', '=', version)
          .compile(),
        changes: 1,
      },
      db.insertInto('data_key_rewraps').values({ project, version, wrapper, wrapped }).compile(),
    ]);
  }

  /** Puts all staged keys in force at once. Errors: CORDON_STORE_CONFLICT when a key is not staged. */
  async adopt(wrapper: string): Promise<void> {
    const db = this.#db();
    await this.#store.commit([
      db
        .updateTable('data_keys')
        .from('data_key_rewraps as next')
        .set((set) => ({ wrapped: set.ref('next.wrapped'), wrapper: set.ref('next.wrapper') }))
        .whereRef('next.project', '=', 'data_keys.project')
        .whereRef('next.version', '=', 'data_keys.version')
        .compile(),
      db.deleteFrom('data_key_rewraps').compile(),
      {
        ...db.updateTable('data_keys').set({ wrapper }).where('wrapper', '!=', wrapper).compile(),
        changes: 0,
      },
    ]);
  }

  #selectUnstaged(wrapper: string) {
    return this.#db()
      .selectFrom('data_keys as key')
      .where('key.wrapper', '!=', wrapper)
      .where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom('data_key_rewraps as next')
              .select('next.version')
              .whereRef('next.project', '=', 'key.project')
              .whereRef('next.version', '=', 'key.version'),
          ),
        ),
      );
  }

  #db(): ReturnType<typeof queryBuilder> {
    return queryBuilder(this.#store.dialect);
  }
}

/** PostgreSQL gives bigint columns as text. */
function withNumbers(row: KeyRow): KeyRow {
  return {
    ...row,
    version: Number(row.version),
    created_at: Number(row.created_at),
    retired_at: row.retired_at === null ? null : Number(row.retired_at),
  };
}
