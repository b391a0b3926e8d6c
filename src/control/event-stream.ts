import type { ServerResponse } from 'node:http';
import { LIMITS } from '../contract/index.ts';
import type { EventSink } from './operation.ts';

/**
 * Writes server-sent events (HTML standard, section 9.2) to a response, with a comment as heartbeat.
 * `heartbeatMs`: silence before a heartbeat.
 */
export class EventStream implements EventSink<unknown> {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(response: ServerResponse, heartbeatMs: number) {
    this.#response = response;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.flushHeaders();
    this.#heartbeat = setInterval(() => {
      if (!this.#full) response.write(': heartbeat\n\n');
    }, heartbeatMs).unref();
    response.once('close', () => clearInterval(this.#heartbeat));
  }

  get #full(): boolean {
    return this.#response.writableLength >= LIMITS.logStreamBufferBytesMax.value;
  }

  send(id: number, data: unknown): boolean {
    this.#response.write(`id: ${id}\nevent: log\ndata: ${JSON.stringify(data)}\n\n`);
    return !this.#full;
  }

  async ready(): Promise<void> {
    const response = this.#response;
    if (!this.#full || response.destroyed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }

  fail(error: unknown): void {
    this.#response.destroy(error instanceof Error ? error : undefined);
  }

  end(): void {
    this.#response.end();
  }
}
