import type { ErrorCode } from '../../contract/index.ts';
import type { AnswerRules } from './answer.ts';
import type { Connection, OpenExchange } from './connection.ts';
import { announcesBody } from './message.ts';
import type { IncomingRequest, OutgoingResponse } from './message.ts';
import { Refusal } from '../stages/refusal.ts';

const NOTHING = Buffer.alloc(0);

/** The body of a request, for a stage that has to see all of it before it can decide. */
export interface BodySource {
  /** The whole body; null while no stage has asked for it. */
  readonly collected: Uint8Array | null;
  /** True once a stage has asked for it: a caller that waited for `100 Continue` was told to go on. */
  readonly isAsked: boolean;
  /** Reads all of it, at most `bytesMax`; once, however often it is asked. */
  collect(bytesMax: number): Promise<Uint8Array | Refusal>;
  /** Nobody needs it any more: it does not count among the bodies that are kept. */
  release(): void;
}

/**
 * Reads a body as it arrives, with a bound on its size, on the whole time that it takes, and on all bodies
 * that are kept so: some are read before it is known who sends them.
 */
export class MessageBody implements BodySource, OpenExchange {
  readonly #message: IncomingRequest;
  readonly #response: OutgoingResponse;
  readonly #connection: Connection;
  readonly #rules: AnswerRules;
  readonly #awaitsContinue: boolean;
  #collected: Uint8Array | null = null;
  /** What has come, with room for more: many small pieces would take up many times their size. */
  #room: Buffer = NOTHING;
  #bytes = 0;
  #bytesMax = 0;
  /** Bytes that count among those of all bodies. */
  #kept = 0;
  #startTick = 0;
  #pending: Promise<Uint8Array | Refusal> | null = null;
  #resolve: ((result: Uint8Array | Refusal) => void) | null = null;

  /** `awaitsContinue`: the caller waits for `100 Continue` before it sends the body. */
  constructor(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    rules: AnswerRules,
    awaitsContinue: boolean,
  ) {
    this.#message = message;
    this.#response = response;
    this.#connection = connection;
    this.#rules = rules;
    this.#awaitsContinue = awaitsContinue;
  }

  get collected(): Uint8Array | null {
    return this.#collected;
  }

  get isAsked(): boolean {
    return this.#pending !== null;
  }

  /** True while the caller is waited for. */
  get isReading(): boolean {
    return this.#resolve !== null;
  }

  async collect(bytesMax: number): Promise<Uint8Array | Refusal> {
    // Refused by what it claims, before anything of it is asked for.
    if (Number(this.#message.headers['content-length'] ?? 0) > bytesMax) return tooLarge();
    if (this.#pending === null && this.#connection.gone) return callerLeft();
    this.#pending ??= announcesBody(this.#message) ? this.#read(bytesMax) : this.#readNothing();
    const body = await this.#pending;
    return body instanceof Refusal || body.byteLength <= bytesMax ? body : tooLarge();
  }

  release(): void {
    this.#rules.wholeBodies.giveBack(this.#kept);
    this.#kept = 0;
  }

  /** Nothing comes, and of HTTP/2 no end either. */
  #readNothing(): Promise<Uint8Array> {
    this.#collected = NOTHING;
    return Promise.resolve(NOTHING);
  }

  #read(bytesMax: number): Promise<Uint8Array | Refusal> {
    this.#bytesMax = bytesMax;
    this.#startTick = this.#rules.ticker.now;
    this.#connection.opened(this);
    if (this.#awaitsContinue) this.#response.writeContinue();
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#message.on('data', this.#take);
      this.#message.on('end', this.#finish);
    });
  }

  readonly #take = (bytes: Buffer): void => {
    const start = this.#bytes;
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#bytesMax) this.#settle(tooLarge());
    else if (start === 0 && this.#keep(bytes.byteLength)) this.#room = bytes;
    else if (start > 0 && this.#makeRoom()) bytes.copy(this.#room, start);
    else {
      const options = { event: 'limit.exceeded' } as const;
      this.#settle(new Refusal('CORDON_OVERLOADED', 'bodies that are kept whole', options));
    }
  };

  #makeRoom(): boolean {
    const { byteLength } = this.#room;
    if (this.#bytes <= byteLength) return true;
    const wanted = Math.min(this.#bytesMax, Math.max(this.#bytes, 2 * byteLength));
    if (!this.#keep(wanted - byteLength)) return false;
    const larger = Buffer.allocUnsafe(wanted);
    this.#room.copy(larger);
    this.#room = larger;
    return true;
  }

  #keep(bytes: number): boolean {
    if (!this.#rules.wholeBodies.take(bytes)) return false;
    this.#kept += bytes;
    return true;
  }

  readonly #finish = (): void => {
    this.#collected = this.#room.subarray(0, this.#bytes);
    this.#settle(this.#collected);
  };

  #settle(result: Uint8Array | Refusal): void {
    const resolve = this.#resolve;
    if (resolve === null) return;
    this.#resolve = null;
    this.#room = NOTHING;
    this.#message.off('data', this.#take);
    this.#message.off('end', this.#finish);
    if (result instanceof Refusal) {
      this.#message.pause();
      this.release();
    }
    this.#connection.settled(this);
    resolve(result);
  }

  // ── what the caller does meanwhile ──

  sweep(tick: number): void {
    const { limits, ticker } = this.#rules;
    if (tick - this.#startTick <= ticker.ticks(limits.bodyIdleTimeoutMs)) return;
    this.#settle(new Refusal('CORDON_REQUEST_TIMEOUT', 'body took too long', { closes: true }));
  }

  callerLeft(): void {
    this.#settle(callerLeft());
  }

  bodyFailed(code: ErrorCode): boolean {
    this.#settle(new Refusal(code, 'the rest of the body could not be read', { closes: true }));
    return true;
  }
}

function tooLarge(): Refusal {
  return new Refusal('CORDON_BODY_TOO_LARGE', 'body past its limit', { event: 'limit.exceeded' });
}

function callerLeft(): Refusal {
  return new Refusal('CORDON_CALLER_LEFT', 'the caller left inside the body');
}
