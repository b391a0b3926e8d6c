import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Statement } from '../port.ts';

const STATEMENTS_MAX = 200;

/** The prepared statements of one connection; the least recently used are let go. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Rows that the statement changed. */
  run(statement: Statement): number {
    return Number(this.#prepare(statement.sql).run(...parametersOf(statement)).changes);
  }

  all(statement: Statement): ReturnType<StatementSync['all']> {
    return this.#prepare(statement.sql).all(...parametersOf(statement));
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known !== undefined) {
      this.#prepared.delete(sql);
      this.#prepared.set(sql, known);
      return known;
    }
    const prepared = this.#database.prepare(sql);
    this.#prepared.set(sql, prepared);
    if (this.#prepared.size > STATEMENTS_MAX) {
      const [oldest = ''] = this.#prepared.keys();
      this.#prepared.delete(oldest);
    }
    return prepared;
  }
}

// The main thread let through only what SQLite can bind.
function parametersOf(statement: Statement): SQLInputValue[] {
  return statement.parameters as SQLInputValue[];
}
