import { CordonError, LIMITS, type Clock } from '../contract/index.ts';
import { queryBuilder, type Store, type Tables } from '../store/index.ts';
import type { ResealProgress, Rewritten, SealedItem, SealedPlace, WorkOptions } from './port.ts';

type State = Tables['reseals'];

const NOTHING: Rewritten = { rewritten: 0, broken: 0 };

/** Walks through places and has them reseal what is not sealed with the current data key. */
export class Resealing {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async run(
    project: string,
    version: number,
    places: readonly SealedPlace[],
    options: WorkOptions<ResealProgress>,
  ): Promise<readonly ResealProgress[]> {
    const results: ResealProgress[] = [];
    for (const place of places) results.push(await this.#walk(project, version, place, options));
    return results;
  }

  /** The next run looks at everything again, unless it was begun after `before` and found nothing broken. */
  async restart(project: string, before: number): Promise<void> {
    const db = queryBuilder(this.#store.dialect);
    await this.#store.commit([
      db
        .deleteFrom('reseals')
        .where('project', '=', project)
        .where((row) => row.or([row('started_at', '<', before), row('broken', '>', 0)]))
        .compile(),
    ]);
  }

  async #walk(
    project: string,
    version: number,
    place: SealedPlace,
    { onProgress, signal }: WorkOptions<ResealProgress>,
  ): Promise<ResealProgress> {
    let state = await this.#begin(project, version, place.name);
    while (state.done_at === null) {
      signal?.throwIfAborted();
      const items = await place.list(project, state.cursor, LIMITS.resealBatchMax.value);
      checkOrder(place, state.cursor, items);
      const old = items.filter((item) => item.version !== version);
      const done = old.length === 0 ? NOTHING : await place.rewrite(project, old);
      state = advance(state, items, done, this.#clock.now());
      await this.#save(state);
      onProgress?.(progressOf(state));
    }
    return progressOf(state);
  }

  /** Where an earlier walk to this version stopped, or the start. */
  async #begin(project: string, version: number, place: string): Promise<State> {
    const db = queryBuilder(this.#store.dialect);
    const [row] = await this.#store.query<State>(
      db
        .selectFrom('reseals')
        .selectAll()
        .where('project', '=', project)
        .where('place', '=', place)
        .compile(),
    );
    if (row !== undefined && Number(row.version) === version) {
      const { seen, rewritten, broken, started_at, done_at } = row;
      return {
        ...row,
        version,
        seen: Number(seen),
        rewritten: Number(rewritten),
        broken: Number(broken),
        started_at: Number(started_at),
        done_at: done_at === null ? null : Number(done_at),
      };
    }
    const nothing = { cursor: null, seen: 0, rewritten: 0, broken: 0, done_at: null };
    return { project, place, version, ...nothing, started_at: this.#clock.now() };
  }

  async #save(state: State): Promise<void> {
    const db = queryBuilder(this.#store.dialect);
    const { project: _project, place: _place, ...rest } = state;
    await this.#store.commit([
      db
        .insertInto('reseals')
        .values(state)
        .onConflict((conflict) => conflict.columns(['project', 'place']).doUpdateSet(rest))
        .compile(),
    ]);
  }
}

function advance(state: State, items: readonly SealedItem[], done: Rewritten, now: number): State {
  return {
    ...state,
    cursor: items.at(-1)?.cursor ?? state.cursor,
    seen: state.seen + items.length,
    rewritten: state.rewritten + done.rewritten,
    broken: state.broken + done.broken,
    done_at: items.length === 0 ? now : null,
  };
}

function progressOf({ project, place, seen, rewritten, broken, done_at }: State): ResealProgress {
  return { project, place, seen, rewritten, broken, isDone: done_at !== null };
}

/** A place that lists out of order would be walked through for ever, or only in part. */
function checkOrder(place: SealedPlace, after: string | null, items: readonly SealedItem[]): void {
  let last = after;
  for (const { cursor } of items) {
    if (last === cursor) {
      throw new CordonError('CORDON_INTERNAL', `The sealed place ${place.name} lists an item twice.`);
    }
    last = cursor;
  }
}
