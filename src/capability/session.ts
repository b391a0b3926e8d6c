import { LIMITS } from '../contract/index.ts';
import type { CordonError } from '../contract/index.ts';
import type { CallHandler, CallReply } from '../instance/index.ts';

/** Thrown out of what a session waits for when the guest has gone. Nobody is told: nobody is there. */
export class CallCancelled extends Error {
  override readonly name = 'CallCancelled';
}

/**
 * One call, served by an async function: its body comes as an iterable that holds the guest back, and the
 * answer goes out at the pace at which the guest takes it.
 */
export class CallSession implements CallHandler, AsyncIterable<Uint8Array> {
  readonly #reply: CallReply;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #cancelled = false;
  #wake: (() => void) | null = null;
  #drained: (() => void) | null = null;

  constructor(reply: CallReply) {
    this.#reply = reply;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  data(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#awake();
  }

  end(): void {
    this.#ended = true;
    this.#awake();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#chunks = [];
    this.#awake();
    this.drain();
  }

  drain(): void {
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
  }

  /** The body of the call. Errors: `CallCancelled`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#cancelled) throw new CallCancelled();
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#reply.consumed(chunk.byteLength);
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The whole body. Errors: what `tooLarge` makes, `CallCancelled`. */
  async collect(bytesMax: number, tooLarge: () => CordonError): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of this) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) throw tooLarge();
      pieces.push(chunk);
    }
    const [first] = pieces;
    return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, bytes);
  }

  /** Answers with a value and no body. */
  answer(value: unknown): void {
    this.#reply.head(value, null, true);
  }

  /** Answers with a value and a body. */
  async stream(value: unknown, body: AsyncIterable<Uint8Array>): Promise<void> {
    this.#reply.head(value, null, false);
    for await (const chunk of body) {
      if (this.#cancelled) return;
      if (!this.#reply.write(chunk)) await new Promise<void>((resolve) => (this.#drained = resolve));
    }
    this.#reply.end();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** Serves a call by an async function. What it throws becomes the error of the call, made fit for a guest by `explain`. */
export function serveSession(
  reply: CallReply,
  explain: (thrown: unknown) => CordonError,
  work: (session: CallSession) => Promise<void>,
): CallHandler {
  const session = new CallSession(reply);
  work(session).catch((thrown: unknown) => {
    if (!session.cancelled) reply.fail(explain(thrown));
  });
  return session;
}

/** Pieces of at most the size of a frame, so that one write does not hold the others up. */
export function* inPieces(bytes: Uint8Array): Generator<Uint8Array> {
  const size = LIMITS.inlineContentBytesMax.value;
  for (let start = 0; start < bytes.byteLength; start += size) yield bytes.subarray(start, start + size);
}
