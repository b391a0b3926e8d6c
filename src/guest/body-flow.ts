import { FRAME, encodeCredit } from '../channel/index.ts';
import type { Wire } from './wire.ts';

/**
 * Longest piece of a body in one frame. The host reads 64 KiB at a time and joins a frame that spans two
 * reads, so smaller pieces mean less to join.
 */
const PIECE_BYTES_MAX = 16 * 1024;

/** A body on its way to the host, in pieces and within the window that the host gives. */
export class OutgoingBody {
  readonly #wire: Wire;
  readonly #stream: number;
  #window: number;
  #opened: (() => void) | null = null;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #stopped = false;

  constructor(wire: Wire, stream: number, windowBytes: number) {
    this.#wire = wire;
    this.#stream = stream;
    this.#window = windowBytes;
  }

  /** Counts what went with the head. */
  sent(bytes: number): void {
    this.#window -= bytes;
  }

  credit(bytes: number): void {
    this.#window += bytes;
    this.#wake();
  }

  /** Sends nothing further, and lets go of a stream that is being read. */
  stop(reason?: string): void {
    this.#stopped = true;
    this.#wake();
    this.#reader?.cancel(reason).catch(() => undefined);
  }

  /** Sends all that a stream gives. `name` says whose it is, for the error. Errors: TypeError, those of the stream. */
  async pump(body: ReadableStream<Uint8Array>, name: string): Promise<void> {
    const reader = body.getReader();
    this.#reader = reader;
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#stopped) return;
      if (!ArrayBuffer.isView(value)) throw new TypeError(`${name} streams something that is not bytes.`);
      await this.send(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
  }

  async send(bytes: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < bytes.byteLength) {
      while (this.#window <= 0 && !this.#stopped) {
        await new Promise<void>((resolve) => (this.#opened = resolve));
      }
      if (this.#stopped) return;
      const end = Math.min(bytes.byteLength, offset + PIECE_BYTES_MAX, offset + this.#window);
      // A view would be sent later than the code may change it.
      this.#wire.send(FRAME.data, 0, this.#stream, bytes.slice(offset, end));
      this.#window -= end - offset;
      offset = end;
    }
  }

  #wake(): void {
    const opened = this.#opened;
    this.#opened = null;
    opened?.();
  }
}

/** What a body from the host owes it: credit for as much as the code has read. */
export class IncomingCredit {
  readonly #wire: Wire;
  readonly #stream: number;
  readonly #windowBytes: number;
  #arrived = 0;
  #credited = 0;

  constructor(wire: Wire, stream: number, windowBytes: number) {
    this.#wire = wire;
    this.#stream = stream;
    this.#windowBytes = windowBytes;
  }

  /** Half of the window waits in the stream, so that the host need not stop while the code reads. */
  get strategy(): QueuingStrategy<Uint8Array> {
    return { highWaterMark: this.#windowBytes / 2, size: (chunk) => chunk.byteLength };
  }

  arrived(bytes: number): void {
    this.#arrived += bytes;
  }

  /** Grants what was read, in steps that are worth a frame. For the `pull` of a stream with this strategy. */
  grant(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const queued = this.#windowBytes / 2 - (controller.desiredSize ?? 0);
    const due = this.#arrived - queued - this.#credited;
    if (due === 0 || (queued > 0 && due < this.#windowBytes / 4)) return;
    this.#credited += due;
    this.#wire.send(FRAME.credit, 0, this.#stream, encodeCredit(due));
  }
}
