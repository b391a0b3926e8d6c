/** A compiled SQL statement, as kysely's `compile()` returns it. Parameters are null, number, bigint, string or bytes. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** A statement of a transaction, with what must be true of it for the transaction to stand. */
export interface Write extends Statement {
  /** Rows that the statement must change; another number rolls back with CORDON_STORE_CONFLICT. */
  readonly changes?: number;
}

export type Row = Record<string, null | number | string | Uint8Array>;

/**
 * The port of metadata, kv and events. Adapters: SQLite (embedded), PostgreSQL (engine). One contract
 * suite runs over all of them.
 */
export interface Store {
  /** SQL dialect for which statements have to be compiled. */
  readonly dialect: 'sqlite' | 'postgres';
  /** Rows of one read. Sees every commit that was acknowledged before the call. */
  query<T extends object = Row>(statement: Statement): Promise<T[]>;
  /**
   * All of the writes or none. Resolves when they are durable (fsync'd), with the rows changed per write.
   * Errors: CORDON_STORE_CONFLICT, CORDON_STORE_FULL, CORDON_STORE_FAILED, CORDON_OVERLOADED.
   */
  commit(writes: readonly Write[]): Promise<number[]>;
  /**
   * Makes what was deleted or overwritten unreadable in the engine's files and logs, where the engine keeps
   * copies of its own. Errors: CORDON_STORE_FAILED.
   */
  scrub(): Promise<void>;
  /** Waits for what was accepted, then lets go of the engine. */
  close(): Promise<void>;
}
