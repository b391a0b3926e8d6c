/** Load from a process of its own, the same one for every subject. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from './connection.ts';

/** Status of a request that got no answer. */
export const UNANSWERED = 0;

export interface LoadOrder extends Target {
  readonly connections: number;
  readonly durationMs: number;
  /** HTTP/2 over TLS, with so many of the `connections` as streams of one session. */
  readonly streamsPerSession?: number;
  /** Processes whose CPU time is wanted, from when all connections stand. */
  readonly pids?: readonly number[];
  /** What differs from request to request: each is sent once, and then the round is over. */
  readonly variants?: readonly Partial<Pick<Target, 'path' | 'headers' | 'body'>>[];
  /** Of every answer. Default: 200. */
  readonly status?: number;
  /** Of an answer after which the same request is sent again, at once. Default: none is. */
  readonly retryStatus?: number;
}

export interface LoadResult {
  /** Answers with the status that was asked for. */
  readonly requests: number;
  /** Requests that were sent again, each time counted. */
  readonly retried: number;
  readonly seconds: number;
  /** ms from the write of a request to the last byte of its answer. */
  readonly latencies: Float64Array;
  /** CPU time of `pids`. */
  readonly cpuMicros: number;
  /** Null, or the first thing that went wrong. */
  readonly problem: string | null;
}

/** Requests that are due at fixed times, however long the answers take. */
export interface OpenOrder extends Target {
  readonly connections: number;
  readonly durationMs: number;
  readonly requestsPerSecond: number;
}

export interface OpenResult {
  /** Wall clock, ms. */
  readonly startedAt: number;
  /** One entry of each for every request, in the order in which they ended. */
  readonly samples: {
    /** ms after the start at which it was due. */
    readonly dueMs: number[];
    /** ms from then to the last byte of the answer: the wait for a free connection counts. */
    readonly latencyMs: number[];
    /** `UNANSWERED` where the connection ended before the answer, or none was free for it. */
    readonly status: number[];
  };
  /** Null, or why nothing was sent. */
  readonly problem: string | null;
}

export class LoadGenerator {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), {
      serialization: 'advanced',
      execArgv: ['--no-warnings', '--max-semi-space-size=64'],
    });
    const { promise, reject } = Promise.withResolvers<never>();
    this.#ended = promise;
    promise.catch(() => undefined);
    this.#child.once('exit', () => reject(new Error('The load generator ended.')));
  }

  /** Runs one round. Throws when an answer is not what was asked for. */
  run(order: LoadOrder): Promise<LoadResult> {
    return this.#order<LoadResult>(order);
  }

  /** Sends at a rate. Whatever comes back is a result. */
  runOpen(order: OpenOrder): Promise<OpenResult> {
    return this.#order<OpenResult>(order);
  }

  async #order<T extends LoadResult | OpenResult>(order: LoadOrder | OpenOrder): Promise<T> {
    this.#child.send(order);
    const result = await Promise.race([this.#answer<T>(), this.#ended]);
    if (result.problem !== null)
      throw new Error(`${order.method} ${order.path} on port ${order.port}: ${result.problem}`);
    return result;
  }

  #answer<T>(): Promise<T> {
    return new Promise((resolve) => {
      this.#child.removeAllListeners('message').once('message', (result) => resolve(result as T));
    });
  }

  async close(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}
