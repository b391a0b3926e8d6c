import type { ErrorCode } from '../contract/index.ts';
import type { AnswerRules } from './answer.ts';
import type { Connection, OpenExchange } from './connection.ts';
import type { IncomingRequest, OutgoingResponse } from './message.ts';
import { Refusal } from './refusal.ts';

/** The body of a request, for a stage that has to see all of it before it can decide. */
export interface BodySource {
  /** The whole body; null while no stage has asked for it. */
  readonly collected: Uint8Array | null;
  /** True once a stage has asked for it: a caller that waited for `100 Continue` was told to go on. */
  readonly isAsked: boolean;
  /** Reads all of it, at most `bytesMax`; once, however often it is asked. */
  collect(bytesMax: number): Promise<Uint8Array | Refusal>;
}

/** Reads a body as it arrives, with a bound on its size and on the whole time that it takes. */
export class MessageBody implements BodySource, OpenExchange {
  readonly #message: IncomingRequest;
  readonly #response: OutgoingResponse;
  readonly #connection: Connection;
  readonly #rules: AnswerRules;
  readonly #awaitsContinue: boolean;
  #collected: Uint8Array | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #bytesMax = 0;
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
    this.#pending ??= this.#read(bytesMax);
    const body = await this.#pending;
    return body instanceof Refusal || body.byteLength <= bytesMax ? body : tooLarge();
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
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#bytesMax) this.#settle(tooLarge());
    else this.#chunks.push(bytes);
  };

  readonly #finish = (): void => {
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#collected = whole;
    this.#settle(whole);
  };

  #settle(result: Uint8Array | Refusal): void {
    const resolve = this.#resolve;
    if (resolve === null) return;
    this.#resolve = null;
    this.#chunks = [];
    this.#message.off('data', this.#take);
    this.#message.off('end', this.#finish);
    if (result instanceof Refusal) this.#message.pause();
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
