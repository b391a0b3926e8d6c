import { Readable } from 'node:stream';
import { CordonError, LIMITS } from '../../contract/index.ts';

const HELD_BYTES_MAX = 64 * 1024;

type Mode = 'waiting' | 'streaming' | 'collecting' | 'discarding';

/**
 * The body that a guest sends with a request: passed on as it comes, or held whole to be signed, and sent
 * again after a redirect while it is small. The guest is given credit for what has been handed on.
 */
export class RequestBody {
  readonly #credit: (bytes: number) => void;
  #mode: Mode = 'waiting';
  #ended = false;
  #bytes = 0;
  #kept: Uint8Array[] | null = [];
  #keptBytesMax: number = LIMITS.egressReplayBodyBytesMax.value;
  #owed = 0;
  #readable: Readable | null = null;
  #settled: (() => void) | null = null;
  #failure: CordonError | null = null;

  constructor(credit: (bytes: number) => void) {
    this.#credit = credit;
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#owed += chunk.byteLength;
    if (this.#bytes > LIMITS.egressBodyBytesMax.value) {
      this.#fail(new CordonError('CORDON_EGRESS_TOO_LARGE', 'The body of the request is too large.'));
      return;
    }
    this.#keep(chunk);
    if (this.#mode === 'streaming') {
      if (this.#readable?.push(chunk) !== false) this.#pay();
    } else if (this.#mode !== 'waiting') this.#pay();
  }

  end(): void {
    this.#ended = true;
    this.#readable?.push(null);
    this.#settled?.();
  }

  /** The whole body when it has all arrived and is small, null otherwise. */
  whole(): Buffer | null {
    return this.#ended && this.#kept !== null ? Buffer.concat(this.#kept) : null;
  }

  /** The body as it comes. Once, after which a small one can be had again by `collect`. */
  stream(): Readable {
    this.#mode = 'streaming';
    const readable = new Readable({ highWaterMark: HELD_BYTES_MAX, read: () => this.#pay() });
    this.#readable = readable;
    for (const chunk of this.#kept ?? []) readable.push(chunk);
    if (this.#ended) readable.push(null);
    if (this.#failure !== null) readable.destroy(this.#failure);
    return readable;
  }

  /** All of the body. Errors: CORDON_EGRESS_TOO_LARGE when it is longer, or too much of it has gone. */
  async collect(bytesMax: number): Promise<Buffer> {
    this.#keptBytesMax = bytesMax;
    this.#mode = 'collecting';
    this.#readable = null;
    this.#pay();
    while (!this.#ended && this.#kept !== null && this.#failure === null) {
      await new Promise<void>((resolve) => (this.#settled = resolve));
    }
    if (this.#failure !== null) throw this.#failure;
    if (this.#kept === null) {
      const message = `The body is larger than ${bytesMax} bytes, which is what Cordon holds to sign or repeat it.`;
      throw new CordonError('CORDON_EGRESS_TOO_LARGE', message);
    }
    return Buffer.concat(this.#kept);
  }

  /** Nobody wants it, or the rest of it. */
  discard(): void {
    this.#mode = 'discarding';
    this.#readable = null;
    this.#kept = null;
    this.#pay();
    this.#settled?.();
  }

  #keep(chunk: Uint8Array): void {
    if (this.#kept === null) return;
    if (this.#bytes <= this.#keptBytesMax) {
      this.#kept.push(chunk);
      return;
    }
    this.#kept = null;
    this.#settled?.();
  }

  #pay(): void {
    const owed = this.#owed;
    this.#owed = 0;
    if (owed > 0) this.#credit(owed);
  }

  #fail(error: CordonError): void {
    this.#failure = error;
    this.#readable?.destroy(error);
    this.#settled?.();
  }
}
