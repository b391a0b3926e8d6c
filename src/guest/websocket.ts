/** How a server half of a pair reaches the caller. */
export interface SocketPort {
  send(data: Uint8Array, text: boolean): void;
  close(code: number, reason: string): void;
}

const OPEN = 1;
const CLOSED = 3;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One half of a `WebSocketPair`, with the events and methods of the web's `WebSocket`. */
export class PairedSocket extends EventTarget {
  readyState = OPEN;
  binaryType: 'arraybuffer' | 'blob' = 'arraybuffer';
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  peer: PairedSocket | null = null;
  /** Set on the half that is given to a response: frames to and from the caller. */
  #port: SocketPort | null = null;
  /** What arrived before `accept`, or before the port was there. */
  #waiting: (() => void)[] = [];
  #accepted = false;

  accept(): void {
    this.#accepted = true;
    this.#release();
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== OPEN) throw new DOMException('The WebSocket is closed.', 'InvalidStateError');
    const text = typeof data === 'string';
    const bytes = text ? encoder.encode(data) : toBytes(data);
    const peer = this.peer;
    if (peer !== null) peer.receive(bytes, text);
  }

  close(code = 1000, reason = ''): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.peer?.receiveClose(code, reason);
  }

  /** Connects the client half to the caller; what the function sent before is sent now. */
  attach(port: SocketPort): void {
    this.#port = port;
    this.#release();
  }

  /** A message that the other half sent. */
  receive(bytes: Uint8Array, text: boolean): void {
    this.#deliver(() => {
      if (this.#port !== null) this.#port.send(bytes, text);
      else
        this.#emit(
          new MessageEvent('message', { data: text ? decoder.decode(bytes) : bytes.slice().buffer }),
          this.onmessage,
        );
    });
  }

  receiveClose(code: number, reason: string): void {
    this.#deliver(() => {
      this.readyState = CLOSED;
      if (this.#port !== null) this.#port.close(code, reason);
      else this.#emit(new CloseEvent('close', { code, reason, wasClean: code === 1000 }), this.onclose);
    });
  }

  #deliver(action: () => void): void {
    if (this.#accepted || this.#port !== null) action();
    else this.#waiting.push(action);
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const action of waiting) action();
  }

  #emit<E extends Event>(event: E, handler: ((event: E) => void) | null): void {
    handler?.call(this, event);
    this.dispatchEvent(event);
  }
}

function toBytes(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

/** Two connected sockets: give `[0]` to the response, keep `[1]`. */
export class WebSocketPair {
  readonly 0: PairedSocket;
  readonly 1: PairedSocket;

  constructor() {
    this[0] = new PairedSocket();
    this[1] = new PairedSocket();
    this[0].peer = this[1];
    this[1].peer = this[0];
  }
}
