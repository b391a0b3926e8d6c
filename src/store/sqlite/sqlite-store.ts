import { Worker } from 'node:worker_threads';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { migrate } from '../migrate.ts';
import type { Row, Statement, Store, Write } from '../port.ts';
import type { Outcome, Problem, Reply, Request } from './protocol.ts';

interface Settled<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: CordonError) => void;
}

interface Commit extends Settled<number[]> {
  readonly writes: readonly Write[];
}

/**
 * Opens the database file at `path`, makes it where there is none, and brings it up to date. One process at
 * a time may have it open: `openDataFolder` sees to that.
 * Errors: CORDON_STORE_FAILED, CORDON_STORE_FULL, CORDON_DATA_NEWER.
 */
export async function openSqliteStore(options: { readonly path: string }): Promise<Store> {
  const store = await SqliteStore.open(options.path);
  try {
    await migrate(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * SQLite on a thread of its own. Commits that arrive while one runs go there together and share an fsync.
 * At most `storeQueueMax` commits, and as many queries, wait; past that: CORDON_OVERLOADED.
 */
class SqliteStore implements Store {
  readonly dialect = 'sqlite';
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #queries = new Map<number, Settled<Row[]>>();
  #lastQuery = 0;
  #waiting: Commit[] = [];
  /** Sent to the thread and not answered; empty while it is idle. */
  #running: readonly Commit[] = [];
  #sendIsDue = false;
  #opening: Settled<void> | null = null;
  #failure: CordonError | null = null;
  #closing: Promise<void> | null = null;
  #drained: (() => void) | null = null;

  static async open(file: string): Promise<SqliteStore> {
    const store = new SqliteStore(file);
    await new Promise<void>((resolve, reject) => {
      store.#opening = { resolve, reject };
    });
    return store;
  }

  private constructor(file: string) {
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData: { file },
      // Flags of the process, such as `--input-type`, are not for the thread.
      execArgv: [],
    });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#fail(failed('The thread of the store ended.', error)));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(failed('The store is closed.'));
        resolve();
      });
    });
  }

  async query<T extends object = Row>(statement: Statement): Promise<T[]> {
    const request = { sql: statement.sql, parameters: bindable(statement) };
    const rows = await this.#ask((id) => ({ kind: 'query', id, statement: request }));
    return rows as unknown as T[];
  }

  async scrub(): Promise<void> {
    await this.#ask((id) => ({ kind: 'scrub', id }));
  }

  async commit(writes: readonly Write[]): Promise<number[]> {
    this.#refuseWhenOver(this.#waiting.length + this.#running.length);
    const copies = writes.map((write) => ({ ...write, parameters: bindable(write) }));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes: copies, resolve, reject });
      this.#send();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#waiting.length + this.#running.length > 0 && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#post({ kind: 'close' });
    await this.#ended;
  }

  async #ask(request: (id: number) => Request): Promise<Row[]> {
    this.#refuseWhenOver(this.#queries.size);
    return new Promise<Row[]>((resolve, reject) => {
      this.#lastQuery += 1;
      this.#queries.set(this.#lastQuery, { resolve, reject });
      this.#post(request(this.#lastQuery));
    });
  }

  #refuseWhenOver(waiting: number): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing !== null) throw failed('The store is closed.');
    if (waiting >= LIMITS.storeQueueMax.value) {
      throw new CordonError('CORDON_OVERLOADED', `${waiting} operations wait for the store already.`);
    }
  }

  #post(request: Request): void {
    this.#worker.postMessage(request);
  }

  /** Sends what waits, unless the thread is busy. Commits of one turn of the event loop go together. */
  #send(): void {
    if (this.#sendIsDue || this.#running.length > 0) return;
    this.#sendIsDue = true;
    queueMicrotask(() => {
      this.#sendIsDue = false;
      if (this.#failure !== null || this.#waiting.length === 0) return;
      this.#running = this.#waiting.splice(0, LIMITS.storeBatchMax.value);
      this.#post({ kind: 'commit', transactions: this.#running.map(({ writes }) => writes) });
    });
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case 'opened':
        this.#opening?.resolve();
        break;
      case 'failed':
        this.#fail(toError(reply.problem));
        break;
      case 'rows':
        settle(this.#queries.get(reply.id), reply.result);
        this.#queries.delete(reply.id);
        break;
      case 'committed':
        this.#committed(reply.outcomes);
        break;
    }
  }

  #committed(outcomes: readonly Outcome[]): void {
    const commits = this.#running;
    this.#running = [];
    // The thread goes on before the callers do.
    if (this.#waiting.length > 0) this.#send();
    else this.#drained?.();
    for (const [index, commit] of commits.entries()) {
      settle(commit, outcomes[index] ?? { code: 'CORDON_STORE_FAILED', message: 'A commit got no answer.' });
    }
  }

  /** Whether the commits that were running took place is not known. */
  #fail(error: CordonError): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.#opening?.reject(error);
    for (const { reject } of [...this.#running, ...this.#waiting, ...this.#queries.values()]) reject(error);
    this.#running = [];
    this.#waiting = [];
    this.#queries.clear();
    this.#drained?.();
  }
}

function settle<T>(waiting: Settled<T[]> | undefined, result: readonly T[] | Problem): void {
  if ('code' in result) waiting?.reject(toError(result));
  else waiting?.resolve([...result]);
}

function toError(problem: Problem): CordonError {
  return new CordonError(problem.code, problem.message);
}

function failed(message: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_STORE_FAILED', message, { cause });
}

/** Parameters that SQLite can bind, with bytes copied, since they leave for the thread later. */
function bindable(statement: Statement): unknown[] {
  return statement.parameters.map((value, index) => {
    if (value instanceof Uint8Array) return Uint8Array.from(value);
    if (value === null || ['string', 'number', 'bigint'].includes(typeof value)) return value;
    throw failed(`Cannot bind parameter ${index + 1} of "${statement.sql}": it is of type ${typeof value}.`);
  });
}
