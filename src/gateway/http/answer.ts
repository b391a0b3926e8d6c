import type { ErrorCode } from '../../contract/index.ts';
import type { ByteBudget } from '../stages/byte-budget.ts';
import type { Connection } from './connection.ts';
import { errorAnswer } from './error-answer.ts';
import type { GatewayLimits } from '../gateway-limits.ts';
import type { IncomingRequest, OutgoingResponse } from './message.ts';
import type { RequestBody } from './request-body.ts';
import type { Ticker } from './ticker.ts';

const TEXT_BYTES_MAX = 4096;

/** What all answers of a gateway share. */
export interface AnswerRules {
  readonly limits: GatewayLimits;
  readonly ticker: Ticker;
  /** For bodies that a stage has to see whole. */
  readonly wholeBodies: ByteBudget;
  /** True once no connection is to be kept alive. */
  draining(): boolean;
}

/**
 * The writing half of one request. It keeps the connection's framing whatever happens: a body of the
 * request that nobody reads is read away within bounds, a caller that does not read is cut, and a broken
 * answer ends the connection, so that it cannot be taken for a complete one.
 */
export class Answer {
  /** Set where the body of the request has to be dealt with before the connection can go on. */
  body: RequestBody | null = null;
  /** True where the caller waits for `100 Continue` before it sends the body. */
  awaitsContinue = false;
  status = 0;
  readonly #message: IncomingRequest;
  readonly #response: OutgoingResponse;
  readonly #connection: Connection;
  readonly #rules: AnswerRules;
  readonly #settled: (finished: boolean) => void;
  #closes = false;
  #finished = false;
  #isSettled = false;
  /** Tick since which the caller has been taking too long to read; negative while it has not. */
  #blockedTick = -1;
  /** Tick since which an unwanted body has been read away; negative while none is. */
  #lingerTick = -1;

  /** `settled` is called once: true where the whole answer went out, false where the connection ended before. */
  constructor(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    rules: AnswerRules,
    settled: (finished: boolean) => void,
  ) {
    this.#message = message;
    this.#response = response;
    this.#connection = connection;
    this.#rules = rules;
    this.#settled = settled;
    response.on('finish', () => this.#onFinish());
  }

  get started(): boolean {
    return this.status !== 0;
  }

  /** Writes an error answer. `closes`: nothing more is to be read from the connection. */
  error(
    code: ErrorCode,
    id: string,
    extra: readonly string[],
    closes: boolean,
    details: Readonly<Record<string, unknown>> | null = null,
  ): void {
    const { status, fields, body } = errorAnswer(code, id, extra, details);
    if (closes || this.body?.complete === false) this.#close();
    this.#head(status, fields);
    this.end(this.#message.method === 'HEAD' ? null : body);
  }

  /** Writes the head and the whole body. */
  full(status: number, fields: string[], body: Uint8Array | null): void {
    this.#head(status, fields);
    // As text it leaves with the head in one write; as bytes it would cost a gathering one.
    this.end(body !== null && body.byteLength <= TEXT_BYTES_MAX ? asLatin1(body) : body);
  }

  /** Starts an answer whose body comes in pieces. `flush`: the head goes out now, not with the first piece. */
  begin(status: number, fields: string[], flush: boolean): void {
    this.#head(status, fields);
    if (flush) this.#response.flushHeaders();
  }

  /** Writes a piece. False: the caller has to catch up first, `onDrain` tells when. */
  write(bytes: Uint8Array): boolean {
    if (this.#response.write(bytes)) return true;
    if (this.#blockedTick < 0) this.#blockedTick = this.#rules.ticker.now;
    return false;
  }

  onDrain(drained: () => void): void {
    this.#response.on('drain', () => {
      this.#blockedTick = -1;
      drained();
    });
  }

  /** Ends the answer; a text is written byte for byte (latin1). */
  end(last: Uint8Array | string | null): void {
    const response = this.#response;
    const body = this.body;
    const now = this.#rules.ticker.now;
    this.#blockedTick = now;
    if (body === null || body.complete || this.awaitsContinue || this.#connection.broken) {
      if (last === null) response.end();
      else response.end(last, 'latin1');
      return;
    }
    this.#lingerTick = now;
    const { lingerBytesMax } = this.#rules.limits;
    if (this.#closes) {
      // The connection is kept open until the caller has had time to read this.
      if (last === null) response.flushHeaders();
      else response.write(last, 'latin1');
      body.discard(lingerBytesMax, now, () => response.end());
      return;
    }
    if (last === null) response.end();
    else response.end(last, 'latin1');
    body.discard(lingerBytesMax, now, () => {
      if (!body.complete) this.#connection.destroy();
      else if (this.#finished) this.#settle(true);
    });
  }

  /** The rest of the body cannot be read: there is nothing to wait for before the connection ends. */
  bodyBroken(): void {
    if (this.#closes) this.#response.end();
    else this.#connection.destroySoon();
  }

  /** Ends the connection in the middle of the answer; a caller of HTTP/1.0 can only tell by a reset. */
  cut(): void {
    if (this.#message.httpVersion === '1.1') this.#connection.destroy();
    else this.#connection.reset();
    this.connectionEnded();
  }

  sweep(tick: number): void {
    const { limits, ticker } = this.#rules;
    if (this.#lingerTick >= 0 && tick - this.#lingerTick > ticker.ticks(limits.lingerTimeoutMs)) {
      this.#lingerTick = -1;
      if (this.#closes) this.#response.end();
      else this.#connection.destroy();
    }
    if (this.#blockedTick >= 0 && tick - this.#blockedTick > ticker.ticks(limits.writeIdleTimeoutMs)) {
      this.#connection.destroy();
    }
  }

  connectionEnded(): void {
    this.#settle(false);
  }

  #head(status: number, fields: string[]): void {
    this.status = status;
    // A caller that was not told to go on may send its body all the same, or its next request.
    if (this.awaitsContinue || this.#rules.draining()) this.#close();
    if (this.#closes) fields.push('connection', 'close');
    this.#response.writeHead(status, fields);
  }

  #close(): void {
    this.#closes = true;
  }

  #onFinish(): void {
    this.#finished = true;
    if (this.#lingerTick >= 0 && this.body?.complete === false && !this.#closes) return;
    this.#settle(true);
  }

  #settle(finished: boolean): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settled(finished);
  }
}

/** The same bytes as text. */
function asLatin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}
