import { CALL_STREAM_BIT, FLAG, FRAME, decodeCredit, decodeHead, encodeHead } from '../channel/index.ts';
import type { CallHead, ReplyHead } from '../channel/index.ts';
import { IncomingCredit, OutgoingBody } from './body-flow.ts';
import { currentStream } from './console.ts';
import type { Wire } from './wire.ts';

/** A body up to this size goes with its call, in one frame. */
const WHOLE_BODY_BYTES_MAX = 64 * 1024;
/** What a capability refused or could not do. `code` is one of Cordon's error codes. */
export class CapabilityError extends Error {
  override readonly name = 'CapabilityError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface CallOptions {
  readonly body?: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal?: AbortSignal | null;
}

export interface CallResult {
  readonly value: unknown;
  /** The whole body, when it came with the head. */
  readonly bytes: Uint8Array | null;
  /** The body, when it streams. */
  readonly stream: ReadableStream<Uint8Array> | null;
}

/** The guest's end of the broker: calls on streams that it numbers, with flow control both ways. */
export class CallClient {
  readonly #wire: Wire;
  readonly #open = new Map<number, GuestCallStream>();
  #windowBytes = 0;
  #lastId = CALL_STREAM_BIT;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Set once, with the assignment. */
  set windowBytes(bytes: number) {
    this.#windowBytes = bytes;
  }

  /** Asks the host. Rejects with `CapabilityError`, or with the signal's reason. */
  call(
    capability: string,
    binding: string,
    operation: string,
    args: unknown,
    options: CallOptions = {},
  ): Promise<CallResult> {
    const { body = null, signal = null } = options;
    if (signal?.aborted === true) return Promise.reject(asError(signal.reason));
    this.#lastId += 1;
    const id = this.#lastId;
    const head: CallHead = [capability, binding, operation, args, currentStream.getStore() ?? 0];
    const onAbort = (): void => stream.abort(asError(signal?.reason));
    const stream = new GuestCallStream(id, this.#wire, this.#windowBytes, () => {
      this.#open.delete(id);
      signal?.removeEventListener('abort', onAbort);
    });
    this.#open.set(id, stream);
    signal?.addEventListener('abort', onAbort);
    stream.start(head, body);
    return stream.result;
  }

  handle(type: number, flags: number, id: number, payload: Uint8Array): void {
    const stream = this.#open.get(id);
    if (type === FRAME.reply) stream?.reply(flags, payload);
    else if (type === FRAME.data) stream?.data(flags, payload);
    else if (type === FRAME.credit) stream?.credit(decodeCredit(payload));
  }
}

class GuestCallStream {
  readonly result: Promise<CallResult>;
  readonly #id: number;
  readonly #wire: Wire;
  readonly #release: () => void;
  readonly #outgoing: OutgoingBody;
  readonly #incoming: IncomingCredit;
  #resolve: (result: CallResult) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #over = false;
  /** Of the body from the host, while it streams. */
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(id: number, wire: Wire, windowBytes: number, release: () => void) {
    this.#id = id;
    this.#wire = wire;
    this.#outgoing = new OutgoingBody(wire, id, windowBytes);
    this.#incoming = new IncomingCredit(wire, id, windowBytes);
    this.#release = release;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  start(head: CallHead, body: Uint8Array | ReadableStream<Uint8Array> | null): void {
    if (body === null || (body instanceof Uint8Array && body.byteLength <= WHOLE_BODY_BYTES_MAX)) {
      if (body !== null) this.#outgoing.sent(body.byteLength);
      this.#wire.send(FRAME.call, FLAG.last, this.#id, encodeHead(head, body));
      return;
    }
    this.#wire.send(FRAME.call, 0, this.#id, encodeHead(head, null));
    const sending =
      body instanceof Uint8Array ? this.#outgoing.send(body) : this.#outgoing.pump(body, 'The body');
    sending.then(
      () => this.#over || this.#wire.send(FRAME.data, FLAG.last, this.#id, null),
      (thrown: unknown) => this.abort(asError(thrown)),
    );
  }

  reply(flags: number, payload: Uint8Array): void {
    const { head, body } = decodeHead(payload);
    const answer = head as ReplyHead;
    const last = (flags & FLAG.last) !== 0;
    if ('error' in answer) {
      this.#fail(new CapabilityError(answer.error.code, answer.error.message));
      return;
    }
    if (last) {
      this.#finish();
      this.#resolve({ value: answer.value, bytes: body.slice(), stream: null });
      return;
    }
    const stream = this.#bodyStream();
    if (body.byteLength > 0) this.#enqueue(body);
    this.#resolve({ value: answer.value, bytes: null, stream });
  }

  data(flags: number, payload: Uint8Array): void {
    if (payload.byteLength > 0) this.#enqueue(payload);
    if ((flags & FLAG.last) === 0) return;
    this.#controller?.close();
    this.#finish();
  }

  credit(bytes: number): void {
    this.#outgoing.credit(bytes);
  }

  abort(reason: Error): void {
    if (this.#over) return;
    this.#wire.send(FRAME.abort, 0, this.#id, null);
    this.#fail(reason);
  }

  #enqueue(payload: Uint8Array): void {
    this.#incoming.arrived(payload.byteLength);
    this.#controller?.enqueue(payload.slice());
  }

  #fail(error: Error): void {
    this.#controller?.error(error);
    this.#finish();
    this.#reject(error);
  }

  #finish(): void {
    this.#over = true;
    this.#controller = null;
    this.#release();
    this.#outgoing.stop();
  }

  #bodyStream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) => {
          if (!this.#over) this.#incoming.grant(controller);
        },
        cancel: () => this.abort(new DOMException('The body was cancelled.', 'AbortError')),
      },
      this.#incoming.strategy,
    );
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new DOMException('The call was aborted.', 'AbortError');
}
