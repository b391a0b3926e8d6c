import type { IncomingRequest } from './message.ts';

/** Where the pieces of a body go. */
export interface BodyReader {
  /** False: pause until `resume`. */
  chunk(bytes: Buffer): boolean;
  complete(): void;
  /** More bytes than allowed. Nothing follows. */
  tooLarge(): void;
}

/**
 * The body of a request as it arrives: counted, paused on request, and once nobody wants it any more read
 * away within bounds, so that the caller gets to read its answer instead of a reset.
 */
export class RequestBody {
  readonly #message: IncomingRequest;
  readonly #reader: BodyReader;
  #bytesLeft: number;
  #complete = false;
  #flowing = true;
  #discarded: (() => void) | null = null;
  /** Tick at which something last arrived or was asked for. */
  #tick: number;

  constructor(message: IncomingRequest, bytesMax: number, tick: number, reader: BodyReader) {
    this.#message = message;
    this.#bytesLeft = bytesMax;
    this.#tick = tick;
    this.#reader = reader;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Starts to read. `tick` gives the present tick. */
  read(tick: () => number): void {
    this.#message.on('data', (bytes: Buffer) => {
      this.#tick = tick();
      this.#take(bytes);
    });
    this.#message.on('end', () => {
      this.#complete = true;
      if (this.#discarded === null) this.#reader.complete();
      else this.#finishDiscarding(this.#discarded);
    });
  }

  resume(tick: number): void {
    this.#tick = tick;
    this.#flowing = true;
    this.#message.resume();
  }

  /** Reads away up to `bytesMax` more, then calls `done`, once; `done` is also called when the body ends. */
  discard(bytesMax: number, tick: number, done: () => void): void {
    this.#bytesLeft = bytesMax;
    this.#discarded = done;
    this.resume(tick);
  }

  /** True where the body was wanted and nothing came for more than `ticks`. */
  stalled(tick: number, ticks: number): boolean {
    return !this.#complete && this.#flowing && tick - this.#tick > ticks;
  }

  #take(bytes: Buffer): void {
    this.#bytesLeft -= bytes.length;
    if (this.#discarded !== null) {
      if (this.#bytesLeft < 0) this.#finishDiscarding(this.#discarded);
      return;
    }
    if (this.#bytesLeft < 0) {
      this.#pause();
      this.#reader.tooLarge();
      return;
    }
    if (!this.#reader.chunk(bytes)) this.#pause();
  }

  #finishDiscarding(done: () => void): void {
    this.#discarded = ignore;
    if (!this.#complete) this.#pause();
    done();
  }

  #pause(): void {
    this.#flowing = false;
    this.#message.pause();
  }
}

function ignore(): void {
  // What still arrives after the bounds of discarding were reached.
}
