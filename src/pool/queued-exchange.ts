import { CordonError, LIMITS } from '../contract/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';

/**
 * A request that waits for an instance. It asks the caller to hold its body back, keeps the little that
 * comes all the same, and becomes the running exchange at `begin`.
 */
export class QueuedExchange implements Exchange {
  readonly #request: ExchangeRequest;
  readonly #sink: ResponseSink;
  readonly #left: (self: QueuedExchange) => void;
  readonly #timer: NodeJS.Timeout;
  #running: Exchange | null = null;
  #over = false;
  #held: Uint8Array[] = [];
  #ended = false;

  constructor(request: ExchangeRequest, sink: ResponseSink, left: (self: QueuedExchange) => void) {
    this.#request = request;
    this.#sink = sink;
    this.#left = left;
    this.#timer = setTimeout(() => {
      this.#left(this);
      this.fail(new CordonError('CORDON_OVERLOADED', 'No instance became free in time.'));
    }, LIMITS.queueTimeoutMs.value);
  }

  get alone(): boolean {
    return this.#request.alone === true;
  }

  begin(run: (request: ExchangeRequest, sink: ResponseSink) => Exchange): void {
    clearTimeout(this.#timer);
    const running = run(this.#request, this.#sink);
    this.#running = running;
    let room = true;
    const held = this.#held.length > 0;
    for (const chunk of this.#held) room = running.write(chunk);
    this.#held = [];
    if (this.#ended) running.end();
    else if (held && room) this.#sink.drain();
  }

  /** Ends it before it began. */
  fail(error: CordonError): void {
    if (this.#over || this.#running !== null) return;
    this.#over = true;
    clearTimeout(this.#timer);
    // The caller gets its exchange before it hears of the failure.
    queueMicrotask(() => this.#sink.failed(error));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#running !== null) return this.#running.write(chunk);
    if (this.#over) return true;
    this.#held.push(chunk);
    return false;
  }

  end(): void {
    if (this.#running !== null) this.#running.end();
    else this.#ended = true;
  }

  consumed(bytes: number): void {
    this.#running?.consumed(bytes);
  }

  message(data: Uint8Array, text: boolean): boolean {
    return this.#running?.message(data, text) ?? true;
  }

  close(code: number, reason: string): void {
    this.#running?.close(code, reason);
  }

  abort(): void {
    if (this.#running !== null) {
      this.#running.abort();
      return;
    }
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#left(this);
  }
}
