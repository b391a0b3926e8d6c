import { constants } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { IncomingRequest, OutgoingResponse } from './message.ts';

/** The request of a stream, read like one of HTTP/1.1. */
export class StreamRequest implements IncomingRequest {
  readonly httpVersion = '2.0';
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly hasBody: boolean;
  readonly #stream: ServerHttp2Stream;
  readonly #received: (bytes: number) => void;
  readonly #onData = new Set<(bytes: Buffer) => void>();
  readonly #onEnd = new Set<() => void>();
  #ended = false;

  /** `received` is told how many bytes of body were read. */
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    received: (bytes: number) => void,
  ) {
    this.#stream = stream;
    this.#received = received;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.method = headers[':method'] ?? '';
    this.url = headers[':path'] ?? '';
    this.hasBody = !stream.endAfterHeaders;
    if (this.hasBody) stream.on('end', this.#finish);
    else this.#ended = true;
  }

  on(event: 'data', listener: (bytes: Buffer) => void): this;
  on(event: 'end', listener: () => void): this;
  on(...added: [event: 'data', listener: (bytes: Buffer) => void] | [event: 'end', listener: () => void]) {
    if (added[0] === 'end') {
      this.#onEnd.add(added[1]);
    } else {
      this.#onData.add(added[1]);
      if (this.#onData.size === 1) this.#stream.on('data', this.#take);
    }
    return this;
  }

  off(event: 'data', listener: (bytes: Buffer) => void): this;
  off(event: 'end', listener: () => void): this;
  off(...removed: [event: 'data', listener: (bytes: Buffer) => void] | [event: 'end', listener: () => void]) {
    if (removed[0] === 'end') {
      this.#onEnd.delete(removed[1]);
    } else {
      this.#onData.delete(removed[1]);
      if (this.#onData.size === 0) this.#stream.off('data', this.#take);
    }
    return this;
  }

  get readableEnded(): boolean {
    return this.#ended;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  readonly #take = (bytes: Buffer): void => {
    this.#received(bytes.byteLength);
    for (const listener of this.#onData) listener(bytes);
  };

  readonly #finish = (): void => {
    // A reset with NO_ERROR looks like the end of the body to node's stream; it is none.
    if (this.#stream.closed) return;
    this.#ended = true;
    for (const listener of this.#onEnd) listener();
  };
}

/** The answer on a stream, written like one of HTTP/1.1. */
export class StreamResponse implements OutgoingResponse {
  readonly #stream: ServerHttp2Stream;
  #head: string[] | null = null;
  #onFinish: (() => void)[] = [];

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    stream.on('finish', this.#finish);
    // node drops `finish` where the whole answer has left before it could tell.
    stream.on('close', this.#finish);
  }

  writeHead(status: number, fields: string[]): void {
    const head = [':status', String(status)];
    for (let i = 0; i < fields.length; i += 2) {
      // RFC 9113 section 8.2.2: what ends a connection of HTTP/1.1 has no place in a stream.
      const name = (fields[i] ?? '').toLowerCase();
      if (name !== 'connection') head.push(name, fields[i + 1] ?? '');
    }
    this.#head = head;
  }

  writeContinue(): void {
    if (this.#isOpen) this.#stream.additionalHeaders({ ':status': 100 });
  }

  flushHeaders(): void {
    this.#respond(false);
  }

  write(bytes: Uint8Array | string, encoding: BufferEncoding = 'utf8'): boolean {
    this.#respond(false);
    if (!this.#isOpen) return true;
    return this.#stream.write(bytes, encoding);
  }

  end(last?: Uint8Array | string, encoding: BufferEncoding = 'utf8'): void {
    this.#respond(last === undefined);
    if (!this.#isOpen || this.#stream.writableEnded) return;
    if (last === undefined) this.#stream.end();
    else this.#stream.end(last, encoding);
  }

  on(event: 'finish' | 'drain', listener: () => void): this {
    if (event === 'finish') this.#onFinish.push(listener);
    else this.#stream.on(event, listener);
    return this;
  }

  /** False once the caller has gone: nothing can be written, and the connection was told. */
  get #isOpen(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  readonly #finish = (): void => {
    // A stream that was reset is ended by node as well.
    if (this.#stream.aborted || this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    for (const listener of this.#onFinish.splice(0)) listener();
  };

  #respond(endStream: boolean): void {
    const head = this.#head;
    this.#head = null;
    if (head !== null && this.#isOpen) this.#stream.respond(head, { endStream });
  }
}
