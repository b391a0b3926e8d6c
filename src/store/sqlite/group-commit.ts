import { constants, type DatabaseSync } from 'node:sqlite';
import type { Write } from '../port.ts';
import { ConflictError, isFsyncFailure, problemOf } from './problems.ts';
import type { Outcome } from './protocol.ts';
import { Statements } from './statements.ts';

type Transaction = readonly Write[];

type Control =
  'BEGIN IMMEDIATE' | 'COMMIT' | 'ROLLBACK' | 'SAVEPOINT one' | 'RELEASE one' | 'ROLLBACK TO one';

/** Actions that would end or leave the transaction of the neighbours, or reach past the database. */
const REFUSED_ACTIONS = new Set<number>([
  constants.SQLITE_TRANSACTION,
  constants.SQLITE_SAVEPOINT,
  constants.SQLITE_ATTACH,
  constants.SQLITE_DETACH,
  constants.SQLITE_PRAGMA,
]);

/**
 * Makes many transactions durable with one fsync. Each runs in a savepoint of its own, so that a conflict
 * takes back that one alone.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #file: string;
  readonly #statements: Statements;
  /** Apart, so that a caller's COMMIT does not find the one that is allowed. */
  readonly #controls: Statements;
  #isControlling = false;
  #broken: unknown = null;

  /** `database`: the one writing connection, with nothing open on it. */
  constructor(database: DatabaseSync, file: string) {
    this.#database = database;
    this.#file = file;
    database.setAuthorizer((action) =>
      !this.#isControlling && REFUSED_ACTIONS.has(action) ? constants.SQLITE_DENY : constants.SQLITE_OK,
    );
    this.#statements = new Statements(database);
    this.#controls = new Statements(database);
  }

  /** Outcomes in the order of the transactions. Those without a problem are durable. */
  run(transactions: readonly Transaction[]): Outcome[] {
    const [first] = transactions;
    if (first === undefined) return [];
    if (transactions.length === 1) return [this.#runAlone(first)];
    try {
      this.#control('BEGIN IMMEDIATE');
      const outcomes = transactions.map((transaction) => this.#runInside(transaction));
      this.#control('COMMIT');
      return outcomes;
    } catch (error) {
      this.#giveUp(error);
      // One that does not fit on the disk must not fail those that do.
      return transactions.map((transaction) => this.#runAlone(transaction));
    }
  }

  #runAlone(transaction: Transaction): Outcome {
    if (this.#broken !== null) return problemOf(this.#broken, this.#file);
    try {
      this.#control('BEGIN IMMEDIATE');
      const changes = this.#apply(transaction);
      this.#control('COMMIT');
      return changes;
    } catch (error) {
      this.#giveUp(error);
      return problemOf(error, this.#file);
    }
  }

  /** Throws what fails the whole group. */
  #runInside(transaction: Transaction): Outcome {
    this.#control('SAVEPOINT one');
    try {
      const changes = this.#apply(transaction);
      this.#control('RELEASE one');
      return changes;
    } catch (error) {
      const problem = problemOf(error, this.#file);
      // SQLite itself ends the transaction on some errors.
      if (problem.code === 'CORDON_STORE_FULL' || !this.#database.isTransaction) throw error;
      this.#control('ROLLBACK TO one');
      this.#control('RELEASE one');
      return problem;
    }
  }

  #apply(transaction: Transaction): number[] {
    return transaction.map((write) => {
      const changes = this.#statements.run(write);
      if (write.changes !== undefined && changes !== write.changes) {
        throw new ConflictError(
          `The state changed in the meantime: a write changed ${changes} rows, not ${write.changes}.`,
        );
      }
      return changes;
    });
  }

  #control(sql: Control): void {
    this.#isControlling = true;
    try {
      this.#controls.run({ sql, parameters: [] });
    } finally {
      this.#isControlling = false;
    }
  }

  #giveUp(error: unknown): void {
    if (isFsyncFailure(error)) this.#broken = error;
    try {
      if (this.#database.isTransaction) this.#control('ROLLBACK');
    } catch (failure) {
      this.#broken = failure;
    }
  }
}
