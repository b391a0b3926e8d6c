import type { Lane } from '../events/index.ts';
import { queryBuilder, type Store, type Write } from '../store/index.ts';

/** How far each schedule of a project was kept, in the store. Times in ms since the epoch. */
export class ScheduleState {
  readonly #store: Store;
  readonly #project: string;

  constructor(store: Store, project: string) {
    this.#store = store;
    this.#project = project;
  }

  /** Time of the last tick that was kept or passed over, by lane. */
  async all(): Promise<ReadonlyMap<Lane, number>> {
    const statement = this.#db()
      .selectFrom('schedules')
      .select(['lane', 'last_at'])
      .where('project', '=', this.#project)
      .compile();
    const rows = await this.#store.query<{ lane: string; last_at: number | string }>(statement);
    return new Map(rows.map((row) => [row.lane, Number(row.last_at)]));
  }

  /** Null: there is no such schedule. */
  async lastAt(lane: Lane): Promise<number | null> {
    const statement = this.#db()
      .selectFrom('schedules')
      .select('last_at')
      .where('project', '=', this.#project)
      .where('lane', '=', lane)
      .compile();
    const [row] = await this.#store.query<{ last_at: number | string }>(statement);
    return row === undefined ? null : Number(row.last_at);
  }

  /** Moves a schedule on from exactly where it stands, so that of two who do only one can. */
  advance(lane: Lane, from: number, to: number): Write {
    const statement = this.#db()
      .updateTable('schedules')
      .set({ last_at: to })
      .where('project', '=', this.#project)
      .where('lane', '=', lane)
      .where('last_at', '=', from)
      .compile();
    return { ...statement, changes: 1 };
  }

  /** Begins schedules at a time and ends others, durably. One that is there already goes on. */
  async replace(begun: readonly Lane[], ended: readonly Lane[], now: number): Promise<void> {
    const writes = [...begun.map((lane) => this.#begin(lane, now)), ...ended.map((lane) => this.#end(lane))];
    if (writes.length > 0) await this.#store.commit(writes);
  }

  #begin(lane: Lane, now: number): Write {
    return this.#db()
      .insertInto('schedules')
      .values({ project: this.#project, lane, last_at: now, started_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .compile();
  }

  #end(lane: Lane): Write {
    return this.#db()
      .deleteFrom('schedules')
      .where('project', '=', this.#project)
      .where('lane', '=', lane)
      .compile();
  }

  #db() {
    return queryBuilder(this.#store.dialect);
  }
}
