/** Load from a process of its own, the same one for every subject. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Target } from './connection.ts';

export interface LoadOrder extends Target {
  readonly connections: number;
  readonly durationMs: number;
}

export interface LoadResult {
  /** Answers with status 200. */
  readonly requests: number;
  readonly seconds: number;
  /** ms from the write of a request to the last byte of its answer. */
  readonly latencies: Float64Array;
  /** Null, or the first thing that went wrong. */
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
  async run(order: LoadOrder): Promise<LoadResult> {
    this.#child.send(order);
    const result = await Promise.race([this.#answer(), this.#ended]);
    if (result.problem !== null)
      throw new Error(`${order.method} ${order.path} on port ${order.port}: ${result.problem}`);
    return result;
  }

  #answer(): Promise<LoadResult> {
    return new Promise((resolve) => {
      this.#child.removeAllListeners('message').once('message', (result) => resolve(result as LoadResult));
    });
  }

  async close(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}
