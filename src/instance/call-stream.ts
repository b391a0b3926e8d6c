import { CordonError, LIMITS } from '../contract/index.ts';
import { ChannelViolation, FLAG, FRAME, encodeCredit } from '../channel/index.ts';
import type { Outbox } from './outbox.ts';
import type { CallFailure, CallHandler, CallOpener, CallReply, GuestCall } from './port.ts';

const WINDOW_BYTES = LIMITS.streamWindowBytes.value;

/** The host's half of one call of a guest. It keeps the guest to its window and the handler to the protocol. */
export class CallStream implements CallReply {
  readonly id: number;
  readonly #outbox: Outbox;
  readonly #release: (id: number) => void;
  readonly #timer: NodeJS.Timeout;
  /** Null once the call is over. */
  #handler: CallHandler | null = null;
  #over = false;
  // From the guest.
  #allowance = WINDOW_BYTES;
  #uncredited = 0;
  #bodyEnded: boolean;
  // To the guest.
  #window = WINDOW_BYTES;
  #queue: Uint8Array[] = [];
  #headSent = false;
  #endQueued = false;
  #blocked = false;

  constructor(id: number, last: boolean, outbox: Outbox, release: (id: number) => void) {
    this.id = id;
    this.#bodyEnded = last;
    this.#outbox = outbox;
    this.#release = release;
    this.#timer = setTimeout(() => {
      const handler = this.#handler;
      this.fail(new CordonError('CORDON_CALL_TIMEOUT'));
      handler?.cancel();
    }, LIMITS.callTimeoutMs.value);
  }

  /** Hands the call to what serves it, with the first piece of its body. */
  open(call: GuestCall, opener: CallOpener, body: Uint8Array): void {
    const handler = opener(call, this);
    if (this.#over) return;
    this.#handler = handler;
    if (body.byteLength > 0) this.#receive(body);
    if (this.#bodyEnded) handler.end();
  }

  // ── for what serves it ──

  head(value: unknown, body: Uint8Array | null, last: boolean): void {
    if (this.#over || this.#headSent) return;
    if (last && body !== null && this.#outbox.congested) {
      // It stays open, so that the bound on open calls is one on what waits.
      this.#outbox.whenRoom(() => this.head(value, body, last));
      return;
    }
    this.#headSent = true;
    if (body !== null) this.#window -= body.byteLength;
    this.#outbox.sendHead(FRAME.reply, last ? FLAG.last : 0, this.id, { value }, body);
    if (last) this.#finish();
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    this.#queue.push(chunk);
    this.#drain();
    this.#blocked = this.#queue.length > 0;
    return !this.#blocked;
  }

  end(): void {
    if (this.#over) return;
    this.#endQueued = true;
    this.#drain();
  }

  fail({ code, message }: CallFailure): void {
    if (this.#over) return;
    const head = { error: { code, message } };
    this.#outbox.sendHead(FRAME.reply, FLAG.last, this.id, head, null);
    this.#finish();
  }

  consumed(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#over || this.#bodyEnded || this.#uncredited < WINDOW_BYTES / 2) return;
    this.#allowance += this.#uncredited;
    this.#outbox.send(FRAME.credit, 0, this.id, encodeCredit(this.#uncredited));
    this.#uncredited = 0;
  }

  // ── frames of the guest ──

  data(bytes: Uint8Array, flags: number): void {
    if (this.#bodyEnded) throw new ChannelViolation('data after the end of a call');
    this.#bodyEnded = (flags & FLAG.last) !== 0;
    if (bytes.byteLength > 0) this.#receive(bytes);
    if (this.#bodyEnded) this.#handler?.end();
  }

  credit(bytes: number): void {
    this.#window += bytes;
    if (this.#window > WINDOW_BYTES) throw new ChannelViolation('more credit than was used');
    this.#drain();
    if (this.#blocked && this.#queue.length === 0) {
      this.#blocked = false;
      this.#handler?.drain();
    }
  }

  /** The guest gave up, or its instance ended. */
  cancel(): void {
    const handler = this.#handler;
    this.#finish();
    handler?.cancel();
  }

  #receive(bytes: Uint8Array): void {
    this.#allowance -= bytes.byteLength;
    if (this.#allowance < 0) throw new ChannelViolation('a guest sent more than its window');
    this.#handler?.data(bytes);
  }

  #drain(): void {
    while (this.#window > 0) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#window -= chunk.byteLength;
      this.#outbox.send(FRAME.data, 0, this.id, chunk);
    }
    if (!this.#endQueued || this.#queue.length > 0 || this.#over) return;
    this.#outbox.send(FRAME.data, FLAG.last, this.id, null);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler = null;
    this.#queue = [];
    clearTimeout(this.#timer);
    this.#release(this.id);
  }
}
