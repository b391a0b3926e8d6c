/** What the guest's halves use of `node:stream` and `node:events`, in the types of neither runtime. */

export interface Emitter {
  on(event: string, listener: (...args: never[]) => void): this;
  once(event: string, listener: (...args: never[]) => void): this;
  off(event: string, listener: (...args: never[]) => void): this;
  emit(event: string, ...args: unknown[]): boolean;
}

export interface NodeReadable extends Emitter {
  push(chunk: Uint8Array | null): boolean;
  read(): Uint8Array | null;
  resume(): this;
  pause(): this;
  readonly readableEnded: boolean;
  readonly errored: unknown;
  destroy(error?: unknown): this;
  readonly destroyed: boolean;
}

export interface NodeDuplex extends NodeReadable {
  write(chunk: Uint8Array, callback?: (error?: unknown) => void): boolean;
  end(): this;
  readonly writableEnded: boolean;
}

/** Called by a stream when a chunk has been taken, or with what went wrong. */
export type StreamCallback = (error?: unknown) => void;

/** A queue that a writable stream fills and a call drains, one chunk ahead. */
export class OutgoingBody {
  readonly readable: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #waiting: StreamCallback | null = null;
  #closed = false;

  constructor() {
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#proceed(),
        cancel: () => {
          this.#closed = true;
          this.#proceed();
        },
      },
      { highWaterMark: 1 },
    );
  }

  /** The chunk is copied: who writes may go on with its buffer. */
  write(chunk: Uint8Array, callback: StreamCallback): void {
    if (this.#closed || chunk.byteLength === 0) {
      callback();
      return;
    }
    this.#controller?.enqueue(new Uint8Array(chunk));
    if ((this.#controller?.desiredSize ?? 0) > 0) callback();
    else this.#waiting = callback;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#controller?.close();
  }

  #proceed(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }
}

/** Feeds a readable stream of Node from one of the web, as fast as it is read. */
export class IncomingBody {
  readonly #target: NodeReadable;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #active: () => void;
  #reading = false;

  /** `active` is called with each chunk. */
  constructor(target: NodeReadable, stream: ReadableStream<Uint8Array>, active: () => void) {
    this.#target = target;
    this.#reader = stream.getReader();
    this.#active = active;
  }

  /** For `_read`. */
  read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#pump().catch((thrown: unknown) => this.#target.destroy(thrown));
  }

  cancel(): void {
    this.#reader.cancel().catch(() => undefined);
  }

  async #pump(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (this.#target.destroyed) return;
      this.#active();
      if (done) {
        this.#target.push(null);
        return;
      }
      if (!this.#target.push(asBuffer(value))) break;
    }
    this.#reading = false;
  }
}

/** Code of Node expects its own kind of byte array. */
export function asBuffer(bytes: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as unknown as {
    Buffer: { from(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array };
  };
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
