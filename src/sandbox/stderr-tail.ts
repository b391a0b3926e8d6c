import type { Readable } from 'node:stream';

/** Bytes of the end of stderr that are kept. */
const KEPT_BYTES_MAX = 8 * 1024;
/** Pause after each piece that was read, so that a guest that floods its stderr waits, not the host. */
const PAUSE_MS = 50;

/** Reads a stderr slowly and keeps its end. */
export class StderrTail {
  readonly #stream: Readable;
  readonly ended: Promise<void>;
  #kept = Buffer.alloc(0);
  #timer: NodeJS.Timeout | null = null;
  #hurries = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.ended = new Promise((resolve) => stream.once('close', resolve));
    stream.on('data', (piece: Buffer) => this.#keep(piece));
    // It ends with the process; nobody could do anything about it.
    stream.on('error', () => undefined);
  }

  get text(): string {
    return this.#kept.toString('utf8');
  }

  /** Reads the rest without pauses: what is left when the process has ended is bounded by the kernel. */
  hurry(): void {
    this.#hurries = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stream.resume();
  }

  #keep(piece: Buffer): void {
    this.#kept = Buffer.concat([this.#kept, piece]).subarray(-KEPT_BYTES_MAX);
    if (this.#hurries) return;
    this.#stream.pause();
    this.#timer = setTimeout(() => this.#stream.resume(), PAUSE_MS);
    this.#timer.unref();
  }
}
