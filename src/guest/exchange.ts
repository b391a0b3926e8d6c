import { FLAG, FRAME, encodeClose, encodeCredit, encodeHead } from '../channel/index.ts';
import type { FailureHead, RequestHead, ResponseHead } from '../channel/index.ts';
import { IncomingCredit, OutgoingBody } from './body-flow.ts';
import { ExecutionContext } from './context.ts';
import { describeError } from './errors.ts';
import type { Handler, LoadedModule } from './loader.ts';
import { GuestRequest } from './request.ts';
import { acceptedSocket, isResponse, wholeBody } from './response.ts';
import type { PairedSocket } from './websocket.ts';
import type { Wire } from './wire.ts';

/** A body up to this size goes with the head, in one frame. */
const WHOLE_BODY_BYTES_MAX = 16 * 1024;
/** The host's `responseHeadersBytesMax`; it kills a guest that sends more. */
const HEADERS_BYTES_MAX = 32 * 1024;
const encoder = new TextEncoder();

/** One request from its first frame to `done`. */
export class GuestExchange {
  /** Name of the handler that takes it. */
  readonly handler = 'fetch';
  readonly id: number;
  readonly requestId: string;
  readonly #wire: Wire;
  readonly #request: GuestRequest;
  readonly #context = new ExecutionContext();
  readonly #release: (id: number) => void;
  #aborted = false;
  // Request body, when it streams.
  #bodyController: ReadableStreamDefaultController<Uint8Array> | null = null;
  #bodyWaiting: Uint8Array[] = [];
  #bodyEnded = false;
  readonly #incoming: IncomingCredit;
  readonly #outgoing: OutgoingBody;
  #socket: PairedSocket | null = null;
  #socketClosed: (() => void) | null = null;

  constructor(
    wire: Wire,
    frame: { id: number; flags: number; head: RequestHead; body: Uint8Array },
    windowBytes: number,
    release: (id: number) => void,
  ) {
    const [method, url, headers, requestId] = frame.head;
    this.id = frame.id;
    this.requestId = requestId;
    this.#wire = wire;
    this.#release = release;
    this.#incoming = new IncomingCredit(wire, frame.id, windowBytes);
    this.#outgoing = new OutgoingBody(wire, frame.id, windowBytes);
    const whole = (frame.flags & FLAG.last) !== 0;
    this.#request = new GuestRequest({
      method,
      url,
      // The gateway took the handshake; code still has to see that one was asked for.
      headers: (frame.flags & FLAG.webSocket) === 0 ? headers : [...headers, 'upgrade', 'websocket'],
      bytes: whole && frame.body.byteLength > 0 ? frame.body.slice() : null,
      stream: whole ? null : () => this.#bodyStream(),
    });
    if (!whole && frame.body.byteLength > 0) {
      this.#incoming.arrived(frame.body.byteLength);
      this.#bodyWaiting.push(frame.body.slice());
    }
  }

  async run(module: LoadedModule, handler: Handler, env: unknown): Promise<void> {
    try {
      const response = await handler.call(module.self, this.#request, env, this.#context);
      await this.#respond(response);
    } catch (thrown) {
      this.fail('throw', thrown);
    }
  }

  /** More of the request's body. */
  data(bytes: Uint8Array, flags: number): void {
    if (this.#socket !== null) {
      this.#wire.send(FRAME.credit, 0, this.id, encodeCredit(bytes.byteLength));
      this.#socket.peer?.receive(bytes.slice(), (flags & FLAG.text) !== 0);
      return;
    }
    if (bytes.byteLength > 0) {
      this.#incoming.arrived(bytes.byteLength);
      if (this.#bodyController === null) this.#bodyWaiting.push(bytes.slice());
      else this.#bodyController.enqueue(bytes.slice());
    }
    if ((flags & FLAG.last) !== 0) {
      this.#bodyEnded = true;
      this.#bodyController?.close();
    }
  }

  credit(bytes: number): void {
    this.#outgoing.credit(bytes);
  }

  /** The caller closed the WebSocket. */
  close(code: number, reason: string): void {
    this.#socket?.peer?.receiveClose(code, reason);
    this.#socketClosed?.();
  }

  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#request.abort();
    if (!this.#bodyEnded) this.#bodyController?.error(new DOMException('The caller left.', 'AbortError'));
    this.#outgoing.stop('The caller left.');
    this.close(1006, 'The caller left.');
  }

  /** Costs this request only. */
  fail(kind: FailureHead['kind'], thrown: unknown): void {
    const head: FailureHead = { kind, error: describeError(thrown) };
    this.#wire.send(FRAME.failure, 0, this.id, encodeHead(head, null));
    this.#finish(false);
  }

  async #respond(response: unknown): Promise<void> {
    if (!isResponse(response)) {
      this.fail(
        'response',
        new TypeError(`The handler returned ${describeValue(response)} and not a Response.`),
      );
      return;
    }
    const socket = acceptedSocket(response);
    if (socket !== null) return this.#serveSocket(socket, response);
    if (response.bodyUsed) {
      this.fail('response', new TypeError('The body of the Response was already read.'));
      return;
    }
    const whole = wholeBody(response);
    if (whole !== undefined && whole.byteLength <= WHOLE_BODY_BYTES_MAX) {
      this.#head(response, whole, true);
      return;
    }
    const body = response.body;
    if (body === null) {
      this.#head(response, null, true);
      return;
    }
    this.#head(response, null, false, whole?.byteLength);
    if (whole !== undefined) await this.#outgoing.send(whole);
    else await this.#outgoing.pump(body, 'The body of the Response');
    this.#end();
  }

  #head(response: Response, body: Uint8Array | null, last: boolean, length?: number): void {
    const headers: string[] = [];
    if (length !== undefined && !response.headers.has('content-length'))
      headers.push('content-length', String(length));
    let headerBytes = 0;
    for (const [name, value] of response.headers) {
      headers.push(name, value);
      headerBytes += name.length + value.length;
    }
    if (headerBytes > HEADERS_BYTES_MAX)
      throw new TypeError(
        `The headers of the Response have ${headerBytes} bytes; ${HEADERS_BYTES_MAX} are allowed.`,
      );
    const head: ResponseHead = [response.status, headers];
    const done = last && this.#context.idle;
    const flags = (last ? FLAG.last : 0) | (done ? FLAG.done : 0);
    this.#wire.send(FRAME.response, flags, this.id, encodeHead(head, body));
    if (body !== null) this.#outgoing.sent(body.byteLength);
    if (last) this.#finish(done);
  }

  #end(): void {
    const done = this.#context.idle;
    this.#wire.send(FRAME.data, FLAG.last | (done ? FLAG.done : 0), this.id, null);
    this.#finish(done);
  }

  async #serveSocket(socket: PairedSocket, response: Response): Promise<void> {
    this.#socket = socket;
    const closed = new Promise<void>((resolve) => (this.#socketClosed = resolve));
    this.#head(response, null, false);
    socket.attach({
      send: (data, text) => this.#wire.send(FRAME.data, text ? FLAG.text : 0, this.id, data),
      close: (code, reason) => {
        const bounded = encoder.encode(reason).byteLength > 120 ? '' : reason;
        this.#wire.send(FRAME.close, 0, this.id, encodeClose(code, bounded));
        this.#socketClosed?.();
      },
    });
    await closed;
    this.#finish(false);
  }

  #finish(done: boolean): void {
    if (done) {
      this.#release(this.id);
      return;
    }
    const report = (thrown: unknown): void => console.error('waitUntil:', thrown);
    void this.#context.settle(report).then(() => {
      this.#wire.send(FRAME.done, 0, this.id, null);
      this.#release(this.id);
    });
  }

  #bodyStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#bodyController = controller;
          for (const piece of this.#bodyWaiting) controller.enqueue(piece);
          this.#bodyWaiting = [];
          if (this.#bodyEnded) controller.close();
        },
        pull: (controller) => this.#incoming.grant(controller),
      },
      this.#incoming.strategy,
    );
  }
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
