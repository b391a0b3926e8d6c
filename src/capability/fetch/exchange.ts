import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Field } from './arguments.ts';

/** Who takes the body of an answer. */
export interface BodyTaker {
  data(chunk: Buffer): void;
  end(): void;
  fail(thrown: Error): void;
}

/** The head of an answer; its body waits in the exchange. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly fields: Field[];
}

/** A request as the dispatcher takes it. */
export type ExchangeRequest = Pick<Dispatcher.DispatchOptions, 'method' | 'path' | 'headers'> & {
  readonly origin: string;
  readonly body: Buffer | Readable | null;
};

/**
 * One request to a service and its answer, without the streams, promises and signals that clients of the
 * dispatcher add: they cost as much as the request.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #head = Promise.withResolvers<Answer>();
  #controller: Dispatcher.DispatchController | null = null;
  #taker: BodyTaker | null = null;
  /** What comes with the head, before it is taken in the same turn. */
  #early: Buffer[] = [];
  /** By the taker. */
  #paused = false;
  #ended = false;
  /** Why nothing more comes; null while it may. */
  #failure: Error | null = null;

  /** Errors: what connecting or speaking HTTP throws. */
  static send(dispatcher: Dispatcher, request: ExchangeRequest): Exchange {
    const exchange = new Exchange();
    // It may be given up before anybody waits for it.
    exchange.#head.promise.catch(() => undefined);
    // A body that breaks while the request waits for a connection has nobody else to tell.
    if (request.body instanceof Readable) request.body.on('error', (error) => exchange.cancel(error));
    dispatcher.dispatch(request, exchange);
    return exchange;
  }

  get head(): Promise<Answer> {
    return this.#head.promise;
  }

  /** Hands over the body, from its start. Once. */
  take(taker: BodyTaker): void {
    this.#taker = taker;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) taker.data(chunk);
    if (this.#failure !== null) taker.fail(this.#failure);
    else if (this.#ended) taker.end();
    else if (early.length > 1 && !this.#paused) this.#controller?.resume();
  }

  pause(): void {
    this.#paused = true;
    this.#controller?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#controller?.resume();
  }

  /** Nobody wants the rest. */
  cancel(reason: Error = new Error('The request was given up.')): void {
    if (this.#ended || this.#failure !== null) return;
    this.#fail(reason);
    this.#controller?.abort(reason);
  }

  /** Reads away what is left up to a number of bytes, so that the connection can be used again. */
  dump(bytesMax: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = bytesMax;
    this.take({
      data: (chunk) => {
        left -= chunk.byteLength;
        if (left < 0) this.cancel();
      },
      end: resolve,
      fail: () => resolve(),
    });
    return promise;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited for a connection.
    if (this.#failure !== null) controller.abort(this.#failure);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText = '',
  ): void {
    // Of interim answers (RFC 9110, 15.2) nobody is told.
    if (status < 200) return;
    this.#head.resolve({ status, statusText, fields: readFields(controller.rawHeaders) });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#failure !== null) return;
    if (this.#taker !== null) {
      this.#taker.data(chunk);
      return;
    }
    // Small bodies are one piece, for which the parser is not to be stopped.
    this.#early.push(chunk);
    if (this.#early.length > 1) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#failure !== null) return;
    this.#ended = true;
    this.#taker?.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    if (this.#ended || this.#failure !== null) return;
    this.#failure = error;
    this.#early = [];
    this.#head.reject(error);
    this.#taker?.fail(error);
  }
}

/** Raw headers as undici gives them: for HTTP/1.1 names and values in turn, for HTTP/2 an object. */
function readFields(raw: Dispatcher.DispatchController['rawHeaders']): Field[] {
  const fields: Field[] = [];
  if (Array.isArray(raw)) {
    for (let index = 0; index + 1 < raw.length; index += 2)
      fields.push([latin1(raw[index]).toLowerCase(), latin1(raw[index + 1])]);
    return fields;
  }
  for (const [name, value] of Object.entries(raw ?? {}))
    for (const text of [value ?? []].flat()) fields.push([name.toLowerCase(), text]);
  return fields;
}

function latin1(text: string | Buffer | undefined): string {
  return typeof text === 'string' ? text : (text?.toString('latin1') ?? '');
}
