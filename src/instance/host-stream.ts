import { CordonError, LIMITS } from '../contract/index.ts';
import { ChannelViolation, FLAG, FRAME, encodeClose, encodeCredit } from '../channel/index.ts';
import type { EventHead, RequestHead } from '../channel/index.ts';
import { hopsOf } from './hops.ts';
import type { Outbox } from './outbox.ts';
import type { Exchange, ExchangeRequest, FlatHeaders, ResponseSink } from './port.ts';

const WINDOW_BYTES = LIMITS.streamWindowBytes.value;

interface Piece {
  readonly bytes: Uint8Array;
  readonly flags: number;
}

/** What a stream asks of the instance that it runs in. */
export interface StreamOwner {
  /** The time limit passed while the stream was open. */
  overdue(stream: HostStream): void;
}

/** The host's half of one request. It checks that the guest keeps to the protocol of a stream. */
export class HostStream implements Exchange {
  readonly id: number;
  readonly requestId: string;
  /** Fields of the request, for what is done on its behalf. */
  readonly headers: FlatHeaders;
  readonly #outbox: Outbox;
  readonly #owner: StreamOwner;
  readonly #webSocket: boolean;
  readonly #timeMs: number;
  readonly #responseBytesMax: number;
  #hops: number | null = null;
  /** Null once nothing may reach the caller any more. */
  #sink: ResponseSink | null;
  #deadline: NodeJS.Timeout;
  // To the guest.
  #window = WINDOW_BYTES;
  #queue: Piece[] = [];
  #endQueued = false;
  /** True until the caller has sent the end of its body. */
  #bodyOpen: boolean;
  #blocked = false;
  // From the guest.
  #headSeen = false;
  #upgraded = false;
  #lastSeen = false;
  #allowance = WINDOW_BYTES;
  #uncredited = 0;
  #responseBytes = 0;

  constructor(
    id: number,
    request: ExchangeRequest,
    sink: ResponseSink,
    limits: { readonly timeMs: number; readonly responseBytes: number },
    outbox: Outbox,
    owner: StreamOwner,
  ) {
    this.id = id;
    this.requestId = request.id;
    this.headers = request.headers;
    this.#sink = sink;
    this.#outbox = outbox;
    this.#owner = owner;
    this.#webSocket = request.webSocket;
    this.#bodyOpen = request.streams;
    this.#timeMs = limits.timeMs;
    this.#responseBytesMax = limits.responseBytes;
    this.#deadline = setTimeout(() => this.#owner.overdue(this), limits.timeMs);
    const { event } = request;
    const flags =
      (request.streams ? 0 : FLAG.last) |
      (request.webSocket ? FLAG.webSocket : 0) |
      (event === undefined ? 0 : FLAG.event);
    if (request.body !== null) this.#window -= request.body.byteLength;
    const head: RequestHead | EventHead =
      event === undefined
        ? [request.method, request.url, request.headers, request.id]
        : [event, request.headers, request.id];
    outbox.sendHead(FRAME.request, flags, id, head, request.body);
  }

  /** How many events and calls stand behind it. */
  get hops(): number {
    // Read when a call is first made: most requests make none.
    this.#hops ??= hopsOf(this.headers);
    return this.#hops;
  }

  /** True for a WebSocket that the function has accepted. */
  get upgraded(): boolean {
    return this.#upgraded;
  }

  /** True once the guest has sent a whole answer. */
  get answered(): boolean {
    return this.#headSeen && this.#lastSeen;
  }

  /** True while the caller still waits for something. */
  get answering(): boolean {
    return this.#sink !== null;
  }

  /** True while the guest has been given all that the caller has sent, and the caller has not sent all of it. */
  get awaitsCaller(): boolean {
    return this.#bodyOpen && this.#queue.length === 0 && this.#sink !== null;
  }

  /** Ends it for its caller, who did not send its body in time, and gives the guest a moment to let it go. */
  abandon(): void {
    this.#bodyOpen = false;
    this.#outbox.send(FRAME.abort, 0, this.id, null);
    this.fail(new CordonError('CORDON_REQUEST_TIMEOUT'));
    this.#arm(LIMITS.abandonedGraceMs.value);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#sink === null) return true;
    this.#enqueue({ bytes: chunk, flags: 0 });
    this.#blocked = this.#queue.length > 0;
    return !this.#blocked;
  }

  end(): void {
    this.#bodyOpen = false;
    if (this.#sink === null) return;
    if (this.#queue.length > 0) this.#endQueued = true;
    else this.#outbox.send(FRAME.data, FLAG.last, this.id, null);
  }

  consumed(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < WINDOW_BYTES / 2 || this.#lastSeen) return;
    this.#allowance += this.#uncredited;
    this.#outbox.send(FRAME.credit, 0, this.id, encodeCredit(this.#uncredited));
    this.#uncredited = 0;
  }

  message(data: Uint8Array, text: boolean): boolean {
    if (this.#sink === null) return true;
    this.rearm();
    this.#enqueue({ bytes: data, flags: text ? FLAG.text : 0 });
    this.#blocked = this.#queue.length > 0;
    return !this.#blocked;
  }

  close(code: number, reason: string): void {
    if (this.#sink === null) return;
    this.#sink = null;
    this.#outbox.send(FRAME.close, 0, this.id, encodeClose(code, reason));
  }

  abort(): void {
    if (this.#sink === null) return;
    this.#silence();
    this.#outbox.send(FRAME.abort, 0, this.id, null);
  }

  // ── frames of the guest ──

  response(status: number, headers: FlatHeaders, body: Uint8Array, flags: number): void {
    if (this.#headSeen) throw new ChannelViolation('a second response to one request');
    this.#headSeen = true;
    this.#upgraded = status === 101 && this.#webSocket;
    this.#lastSeen = (flags & FLAG.last) !== 0;
    if (status === 101 && !this.#webSocket) {
      this.fail(
        new CordonError(
          'CORDON_FUNCTION_RESPONSE',
          'The function accepted a WebSocket that nobody asked for.',
        ),
      );
      return;
    }
    if (!this.#take(body.byteLength) || !this.#fits(headers)) return;
    this.#sink?.head(status, headers, body.byteLength > 0 ? body : null, this.#lastSeen);
  }

  data(bytes: Uint8Array, flags: number): void {
    if (!this.#headSeen || this.#lastSeen) throw new ChannelViolation('data outside of a response body');
    if (this.#upgraded) {
      if (bytes.byteLength > LIMITS.webSocketMessageBytesMax.value)
        throw new ChannelViolation('a WebSocket message is too large');
      this.#sink?.message(bytes, (flags & FLAG.text) !== 0);
      return;
    }
    this.#lastSeen = (flags & FLAG.last) !== 0;
    if (bytes.byteLength > 0) {
      if (!this.#take(bytes.byteLength)) return;
      this.#sink?.data(bytes);
    }
    if (this.#lastSeen) this.#sink?.end();
  }

  credit(bytes: number): void {
    this.#window += bytes;
    if (this.#window > WINDOW_BYTES) throw new ChannelViolation('more credit than was used');
    this.#drain();
  }

  closed(code: number, reason: string): void {
    if (!this.#upgraded) throw new ChannelViolation('a close without a WebSocket');
    const sink = this.#sink;
    this.#sink = null;
    sink?.closed(code, reason);
  }

  /** Tells the caller that it failed. Later frames are dropped. */
  fail(error: CordonError): void {
    const sink = this.#sink;
    this.#silence();
    sink?.failed(error);
  }

  /** The guest has nothing more to do for it. Returns false when the guest owed an answer. */
  finish(): boolean {
    clearTimeout(this.#deadline);
    const answered = this.#headSeen && (this.#lastSeen || this.#upgraded);
    if (this.#upgraded && this.#sink !== null) {
      const sink = this.#sink;
      this.#sink = null;
      sink.closed(1000, '');
    }
    return answered || this.#sink === null;
  }

  /** Starts the time limit again: a WebSocket that lives on, or a message that it got. */
  rearm(): void {
    this.#arm(this.#timeMs);
  }

  #arm(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#owner.overdue(this), ms);
  }

  #silence(): void {
    this.#sink = null;
    this.#queue = [];
  }

  /** Counts bytes of the answer. False when they are more than the limit; then the caller knows. */
  #take(bytes: number): boolean {
    this.#allowance -= bytes;
    if (this.#allowance < 0) throw new ChannelViolation('a guest sent more than its window');
    this.#responseBytes += bytes;
    if (this.#responseBytes <= this.#responseBytesMax || this.#sink === null) return true;
    this.#refuse();
    return false;
  }

  /** Refuses an answer that announces more than the limit, while the caller can still be told. */
  #fits(headers: FlatHeaders): boolean {
    for (let index = 0; index + 1 < headers.length; index += 2) {
      if (headers[index] !== 'content-length') continue;
      const fits = Number(headers[index + 1]) <= this.#responseBytesMax;
      if (!fits) this.#refuse();
      return fits;
    }
    return true;
  }

  #refuse(): void {
    this.fail(new CordonError('CORDON_RESPONSE_TOO_LARGE'));
    this.#outbox.send(FRAME.abort, 0, this.id, null);
  }

  #enqueue(piece: Piece): void {
    this.#queue.push(piece);
    this.#drain();
  }

  #drain(): void {
    while (this.#window > 0) {
      const piece = this.#queue[0];
      if (piece === undefined) break;
      this.#queue.shift();
      this.#window -= piece.bytes.byteLength;
      this.#outbox.send(FRAME.data, piece.flags, this.id, piece.bytes);
    }
    if (this.#queue.length > 0 || this.#sink === null) return;
    if (this.#endQueued) {
      this.#endQueued = false;
      this.#outbox.send(FRAME.data, FLAG.last, this.id, null);
    } else if (this.#blocked) {
      this.#blocked = false;
      this.#sink.drain();
    }
  }
}
