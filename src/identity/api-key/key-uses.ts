import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';

const BATCH_MAX = 500;

export interface KeyUsesOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Where the keys are. */
  readonly table: 'api_keys' | 'access_keys';
}

/**
 * When keys were last used. It is kept in memory and written for many keys at once, each at most every
 * `LIMITS.apiKeyUseWriteMs`, so that a request writes nothing; a crash loses what was not written yet.
 */
export class KeyUses {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #table: 'api_keys' | 'access_keys';
  readonly #last = new Map<string, number>();
  #unwritten = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor({ store, clock, table }: KeyUsesOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#table = table;
  }

  add(id: string): void {
    this.#last.set(id, this.#clock.now());
    this.#unwritten.add(id);
    this.#schedule();
  }

  lastOf(id: string): number | undefined {
    return this.#last.get(id);
  }

  forget(id: string): void {
    this.#last.delete(id);
    this.#unwritten.delete(id);
  }

  /** Errors: those of the store; what was not written is written the next time. */
  async flush(): Promise<void> {
    const ids = [...this.#unwritten];
    this.#unwritten = new Set();
    const db = queryBuilder(this.#store.dialect);
    for (let start = 0; start < ids.length; start += BATCH_MAX) {
      const writes = ids.slice(start, start + BATCH_MAX).flatMap((id) => {
        const used = this.#last.get(id);
        if (used === undefined) return [];
        return [db.updateTable(this.#table).set({ used_at: used }).where('id', '=', id).compile()];
      });
      try {
        if (writes.length > 0) await this.#store.commit(writes);
      } catch (thrown) {
        for (const id of ids.slice(start)) this.#unwritten.add(id);
        throw thrown;
      }
    }
  }

  /** Errors: those of the store. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.flush();
  }

  #schedule(): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // It says little; the store's own failures are reported by what needs it.
      this.flush().catch(() => this.#schedule());
    }, LIMITS.apiKeyUseWriteMs.value).unref();
  }
}
