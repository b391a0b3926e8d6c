import { randomUUID } from 'node:crypto';
import { LIMITS } from '../contract/index.ts';
import { queryBuilder } from '../store/index.ts';
import type { Store, Write } from '../store/index.ts';

export interface ChangeMarkOptions {
  readonly store: Store;
  /** Row of `settings` that changes with the rows, so that one read tells another node that they did. */
  readonly setting: string;
  /** True where other nodes change the rows too: what they did is read every `LIMITS.apiKeyPollMs`. */
  readonly isShared: boolean;
  /** Reads all rows anew. */
  readonly read: () => Promise<void>;
}

/** Keeps what is held in memory of some rows in step with them: one change or reading at a time. */
export class ChangeMark {
  readonly #options: ChangeMarkOptions;
  #version: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #poll: NodeJS.Timeout | null = null;

  constructor(options: ChangeMarkOptions) {
    this.#options = options;
  }

  /** Reads the rows for the first time. Errors: those of the store. */
  async start(): Promise<void> {
    await this.#read();
    if (this.#options.isShared) this.#startPolling();
  }

  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Commits one change together with the mark that there was one; reads all anew where that fails. In turn. */
  async commit(change: Write): Promise<void> {
    const { store, setting } = this.#options;
    const value = JSON.stringify(randomUUID());
    const mark = queryBuilder(store.dialect)
      .insertInto('settings')
      .values({ name: setting, value })
      .onConflict((row) => row.column('name').doUpdateSet({ value }));
    try {
      await store.commit([change, mark.compile()]);
      // Others may have made changes before this one, which are not known yet: their mark is gone.
      this.#version = this.#poll === null ? value : null;
    } catch (thrown) {
      // It may be durable all the same.
      this.#version = null;
      await this.#read().catch(() => undefined);
      throw thrown;
    }
  }

  /** Reads what other nodes changed. Errors: those of the store. */
  refresh(): Promise<void> {
    return this.inTurn(async () => {
      if ((await this.#readVersion()) !== this.#version) await this.#read();
    });
  }

  async close(): Promise<void> {
    if (this.#poll !== null) clearTimeout(this.#poll);
    this.#poll = null;
    await this.#turn;
  }

  async #readVersion(): Promise<string | null> {
    const { store, setting } = this.#options;
    const select = queryBuilder(store.dialect)
      .selectFrom('settings')
      .select('value')
      .where('name', '=', setting);
    const [row] = await store.query<{ value: string }>(select.compile());
    return row?.value ?? null;
  }

  async #read(): Promise<void> {
    // The mark first: what changes between the two reads is then read again.
    const version = await this.#readVersion();
    await this.#options.read();
    this.#version = version;
  }

  #startPolling(): void {
    const next = (): void => {
      this.#poll = setTimeout(() => {
        // A store that fails is asked again; what is known goes on until then.
        void this.refresh()
          .catch(() => undefined)
          .finally(() => {
            if (this.#poll !== null) next();
          });
      }, LIMITS.apiKeyPollMs.value).unref();
    };
    next();
  }
}
