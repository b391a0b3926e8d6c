import { builtin } from '../guest-modules.ts';
import type { GuestCaller } from '../guest-port.ts';
import { IncomingBody, OutgoingBody, asBuffer } from '../guest-streams.ts';
import type { Emitter, NodeReadable, StreamCallback } from '../guest-streams.ts';
import { callFetch } from './guest.ts';
import type { IncomingAnswer } from './guest.ts';
import type { HeaderValue, HttpOptions } from './guest-http-options.ts';
import { HeaderTable } from './guest-header-table.ts';

const WHOLE_BODY_BYTES_MAX = 64 * 1024;

interface IncomingMessage extends NodeReadable {
  statusCode: number;
  statusMessage: string;
  httpVersion: string;
  httpVersionMajor: number;
  httpVersionMinor: number;
  complete: boolean;
  req: unknown;
  _addHeaderLines(flat: string[], length: number): void;
  _read(): void;
  _destroy(error: unknown, callback: StreamCallback): void;
}

interface Writable extends Emitter {
  end(chunk?: Uint8Array | string): this;
  destroy(error?: unknown): this;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
}

interface StreamModule {
  Writable: new (options: Readonly<Record<string, unknown>>) => Writable;
}
interface EventsModule {
  EventEmitter: new () => Emitter;
}
interface HttpModule {
  IncomingMessage: new (socket: unknown) => IncomingMessage;
}

/**
 * Stands for `stream.Writable`, which is loaded when code first asks for a module that needs it: a class needs
 * its base when the harness starts, and most functions never make such a request.
 */
const LazyWritable = function (this: unknown, options: Readonly<Record<string, unknown>>): object {
  const { Writable } = builtin<StreamModule>('node:stream');
  return Reflect.construct(Writable, [options], new.target) as object;
} as unknown as StreamModule['Writable'];

let parts: { readonly caller: GuestCaller; readonly http: HttpModule; readonly events: EventsModule } | null =
  null;

/** Loads what requests build on. Call it before the first `ClientRequest`. */
export function prepareClientRequests(caller: GuestCaller): void {
  if (parts !== null) return;
  const { Writable } = builtin<StreamModule>('node:stream');
  Object.setPrototypeOf(LazyWritable.prototype as object, Writable.prototype as object);
  parts = { caller, http: builtin<HttpModule>('node:http'), events: builtin<EventsModule>('node:events') };
}

function prepared(): NonNullable<typeof parts> {
  if (parts === null) throw new Error('HTTP requests are not prepared.');
  return parts;
}

/** `http.ClientRequest` over a call. */
export class ClientRequest extends LazyWritable {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly protocol: string;
  readonly socket: Emitter;
  readonly reusedSocket = false;
  aborted = false;
  headersSent = false;
  res: IncomingMessage | null = null;
  readonly #options: HttpOptions;
  readonly #headers = new HeaderTable();
  readonly #abort = new AbortController();
  #early: Uint8Array[] | null = [];
  #outgoing: OutgoingBody | null = null;
  #timeoutMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: HttpOptions, listener: ((response: never) => void) | null) {
    super({ decodeStrings: true, autoDestroy: false });
    this.#options = options;
    const { url, method, headers, signal, timeoutMs } = options;
    this.method = method;
    this.path = options.path;
    this.host = url.hostname;
    this.protocol = url.protocol;
    this.socket = this.#makeSocket();
    for (const [name, value] of headers) this.setHeader(name, value);
    if (listener !== null) this.once('response', listener);
    if (timeoutMs > 0) this.setTimeout(timeoutMs);
    if (signal?.aborted === true) this.destroy(signal.reason);
    signal?.addEventListener('abort', () => this.destroy(signal.reason), { once: true });
    queueMicrotask(() => {
      if (this.destroyed) return;
      this.emit('socket', this.socket);
      if (String(this.getHeader('expect')).toLowerCase() === '100-continue') this.emit('continue');
    });
  }

  get connection(): Emitter {
    return this.socket;
  }
  setHeader(name: string, value: HeaderValue): this {
    this.#headers.set(name, value);
    return this;
  }
  appendHeader(name: string, value: HeaderValue): this {
    this.#headers.append(name, value);
    return this;
  }
  setHeaders(headers: Iterable<[string, HeaderValue]>): this {
    for (const [name, value] of headers) this.setHeader(name, value);
    return this;
  }
  getHeader(name: string): HeaderValue | undefined {
    return this.#headers.get(name);
  }
  getHeaders(): Record<string, HeaderValue> {
    return this.#headers.all();
  }
  getHeaderNames(): string[] {
    return Object.keys(this.#headers.all());
  }
  getRawHeaderNames(): string[] {
    return this.#headers.rawNames();
  }
  hasHeader(name: string): boolean {
    return this.#headers.get(name) !== undefined;
  }
  removeHeader(name: string): void {
    this.#headers.delete(name);
  }
  flushHeaders(): void {
    if (this.#early !== null) this.#start(false);
  }
  setNoDelay(): void {}
  setSocketKeepAlive(): void {}
  cork(): void {}
  uncork(): void {}

  setTimeout(timeoutMs: number, listener?: () => void): this {
    this.#timeoutMs = timeoutMs;
    if (listener !== undefined) this.once('timeout', listener);
    this.#active();
    return this;
  }

  abort(): void {
    this.aborted = true;
    this.emit('abort');
    this.destroy();
  }

  _write(chunk: Uint8Array, _encoding: string, callback: StreamCallback): void {
    this.#active();
    if (this.#early === null) {
      this.#outgoing?.write(chunk, callback);
      return;
    }
    // Small bodies are written in one turn, mostly by `end`: they go in one piece.
    this.#early.push(new Uint8Array(chunk));
    const bytes = this.#early.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes > WHOLE_BODY_BYTES_MAX) this.#start(false);
    else if (this.#early.length === 1)
      setTimeout(() => {
        if (this.#early !== null && !this.destroyed) this.#start(false);
      }, 0);
    callback();
  }

  _final(callback: StreamCallback): void {
    if (this.#early !== null) this.#start(true);
    this.#outgoing?.close();
    callback();
  }

  _destroy(error: unknown, callback: StreamCallback): void {
    clearTimeout(this.#timer);
    this.#early = null;
    this.#outgoing?.close();
    this.#abort.abort();
    if (this.res !== null && !this.res.readableEnded) this.res.destroy(error ?? reset('aborted'));
    this.socket.emit('close', false);
    const early = this.res === null && (error === null || error === undefined);
    callback(early ? reset('socket hang up') : error);
  }

  /** `whole`: all of the body is there. */
  #start(whole: boolean): void {
    const pieces = this.#early ?? [];
    this.#early = null;
    this.headersSent = true;
    const bodyless = this.method === 'GET' || this.method === 'HEAD';
    let body: Uint8Array | ReadableStream<Uint8Array> | null = null;
    if (!whole) {
      this.#outgoing = new OutgoingBody();
      for (const piece of pieces) this.#outgoing.write(piece, () => undefined);
      if (!bodyless) body = this.#outgoing.readable;
    } else if (pieces.length > 0 && !bodyless) body = joined(pieces);
    callFetch(prepared().caller, {
      url: this.#options.url.href,
      method: this.method,
      headers: this.#headers.flat(),
      redirect: 'manual',
      decode: false,
      body,
      signal: this.#abort.signal,
    }).then(
      (answer) => this.#respond(answer),
      (thrown: unknown) => {
        if (!this.destroyed) this.destroy(thrown);
      },
    );
  }

  #respond(answer: IncomingAnswer): void {
    if (this.destroyed) return;
    this.#active();
    const response = new (prepared().http.IncomingMessage)(this.socket);
    response.statusCode = answer.status;
    response.statusMessage = answer.statusText;
    response.httpVersion = '1.1';
    response.httpVersionMajor = 1;
    response.httpVersionMinor = 1;
    response._addHeaderLines([...answer.headers], answer.headers.length);
    response.req = this;
    this.res = response;
    this.#feed(response, answer.body);
    if (!this.emit('response', response)) response.destroy();
  }

  #feed(response: IncomingMessage, body: IncomingAnswer['body']): void {
    const over = (): void => {
      response.complete = true;
      clearTimeout(this.#timer);
      if (!this.destroyed) this.destroy();
    };
    response.once('end', over);
    if (body === null || body instanceof Uint8Array) {
      response._read = () => undefined;
      if (body !== null && body.byteLength > 0) response.push(asBuffer(body));
      response.push(null);
      return;
    }
    const incoming = new IncomingBody(response, body, () => this.#active());
    response._read = () => incoming.read();
    response._destroy = (error, callback) => {
      if (!response.readableEnded) incoming.cancel();
      callback(error);
      if (!this.destroyed) this.destroy();
    };
  }

  #active(): void {
    clearTimeout(this.#timer);
    if (this.#timeoutMs <= 0 || this.destroyed) return;
    this.#timer = setTimeout(() => {
      this.emit('timeout');
      this.socket.emit('timeout');
    }, this.#timeoutMs);
  }

  /** What clients ask of the socket of a request: that it is connected, and events that never come. */
  #makeSocket(): Emitter {
    const socket = new (prepared().events.EventEmitter)();
    const self = (): Emitter => socket;
    return Object.assign(socket, {
      connecting: false,
      encrypted: this.protocol === 'https:',
      authorized: true,
      readable: true,
      writable: true,
      destroyed: false,
      setNoDelay: self,
      setKeepAlive: self,
      ref: self,
      unref: self,
      setTimeout: (timeoutMs: number, listener?: () => void) => {
        if (listener !== undefined) socket.once('timeout', listener);
        this.#timeoutMs = timeoutMs;
        this.#active();
        return socket;
      },
      destroy: (error?: unknown) => {
        this.destroy(error);
        return socket;
      },
      end: self,
      address: () => ({}),
    });
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.byteLength;
  }
  return bytes;
}

function reset(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}
