import type { CordonError, ErrorCode } from '../../contract/index.ts';
import type { Exchange, FlatHeaders, ResponseSink } from '../../instance/index.ts';
import type { Dispatcher } from '../../pool/index.ts';
import { Answer } from '../http/answer.ts';
import type { AnswerRules } from '../http/answer.ts';
import { CollectedBody } from './collected-body.ts';
import type { Connection, OpenExchange } from '../http/connection.ts';
import type { IncomingRequest, OutgoingResponse } from '../http/message.ts';
import { isStillKnown } from '../stages/identify.ts';
import { ownFields } from '../http/own-fields.ts';
import { RequestBody } from '../http/request-body.ts';
import { readResponseHead } from '../http/response-head.ts';
import type { Routed } from '../stages/stages.ts';

/** How an exchange ended. */
export interface Outcome {
  readonly status: number;
  /** Null where the function's answer went out whole. */
  readonly failure: ErrorCode | null;
  /** For the operator. */
  readonly detail: string;
  readonly instance: string | null;
}

type Phase = 'waiting' | 'answering' | 'answered';

/**
 * One request in a function: its body goes in, the answer comes out, each at the pace of whoever takes it.
 * The guest's word on framing counts for nothing: lengths are checked, and a mismatch ends the connection.
 */
export class HttpExchange implements ResponseSink, OpenExchange {
  readonly #request: Routed;
  readonly #message: IncomingRequest;
  readonly #connection: Connection;
  readonly #rules: AnswerRules;
  readonly #answer: Answer;
  #exchange: Exchange | null = null;
  #body: RequestBody | null = null;
  #collected: CollectedBody | null = null;
  #phase: Phase = 'waiting';
  #failure: ErrorCode | null = null;
  #detail = '';
  #instance: string | null = null;
  /** True for answers that have no body whatever the guest sends (RFC 9110 section 6.4.1). */
  #bodyless = false;
  /** Bytes of body that the guest has announced and not sent; null where it announced none. */
  #announced: number | null = null;
  #responseBytes = 0;
  #uncredited = 0;
  #listensForDrain = false;
  #blocked = false;

  constructor(
    request: Routed,
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    rules: AnswerRules,
    settled: (outcome: Outcome) => void,
  ) {
    this.#request = request;
    this.#message = message;
    this.#connection = connection;
    this.#rules = rules;
    this.#answer = new Answer(message, response, connection, rules, (finished) => {
      connection.settled(this);
      if (!finished && this.#phase !== 'waiting') this.#failure ??= 'CORDON_CALLER_LEFT';
      const { status } = this.#answer;
      settled({ status, failure: this.#failure, detail: this.#detail, instance: this.#instance });
    });
    connection.opened(this);
  }

  /** Sends the request to its function, with a small body in one go and a larger one as it arrives. */
  run(dispatcher: Dispatcher, response: OutgoingResponse, awaitsContinue: boolean): void {
    const { collected } = this.#request.body;
    if (collected !== null) {
      this.#runCollected(dispatcher, collected);
      return;
    }
    const { contentLength, chunked } = this.#request.head;
    if (!chunked && (contentLength === null || contentLength === 0)) {
      this.dispatch(dispatcher, null, false);
      return;
    }
    const { limits, ticker } = this.#rules;
    const collects = contentLength !== null && contentLength <= limits.collectedBodyBytesMax;
    const chunks: Buffer[] = [];
    const bytesMax = this.#request.match.fn.spec.limits.bodyBytes;
    const body = new RequestBody(this.#message, bytesMax, ticker.now, {
      chunk: (bytes) => {
        if (!collects) return this.#exchange?.write(bytes) ?? true;
        chunks.push(bytes);
        return true;
      },
      complete: () => {
        if (!collects) this.#exchange?.end();
        else if (this.#phase === 'waiting') this.dispatch(dispatcher, joined(chunks), false);
      },
      tooLarge: () => this.fail('CORDON_BODY_TOO_LARGE', 'body past limits.body'),
    });
    this.#body = body;
    this.#answer.body = body;
    if (!collects) this.dispatch(dispatcher, null, true);
    // The function may have answered, or failed, already.
    if (this.#phase === 'answered') return;
    if (awaitsContinue) response.writeContinue();
    // A body that is collected has that time in all: its function, whose limit is on time, has not started.
    const start = ticker.now;
    body.read(collects ? () => start : () => ticker.now);
  }

  /** Sends a body that a stage has read already. */
  #runCollected(dispatcher: Dispatcher, bytes: Uint8Array): void {
    if (bytes.byteLength <= this.#rules.limits.collectedBodyBytesMax) {
      this.dispatch(dispatcher, bytes.byteLength === 0 ? null : bytes, false);
      return;
    }
    this.#collected = new CollectedBody(bytes);
    this.dispatch(dispatcher, null, true);
    if (this.#exchange !== null) this.#collected.send(this.#exchange);
  }

  dispatch(dispatcher: Dispatcher, body: Uint8Array | null, streams: boolean): void {
    const { id, target, url, fields, match, webSocket } = this.#request;
    const exchange = dispatcher.dispatch(
      match.deployment,
      match.fn,
      { id, method: target.method, url, headers: fields, webSocket, body, streams },
      this,
    );
    this.adopt(exchange);
  }

  // ── what the function answers ──

  assigned(instance: string): void {
    this.#request.slot.assigned(instance);
    this.#instance = instance;
  }

  head(status: number, headers: FlatHeaders, body: Uint8Array | null, last: boolean): void {
    if (this.#phase !== 'waiting') return;
    this.#request.slot.answered(this.#body === null || this.#body.complete);
    const { response } = this.#request.guard;
    const head = readResponseHead(status, headers, this.#rules.limits.responseHeadersBytesMax, response);
    if (typeof head === 'string') {
      this.fail('CORDON_FUNCTION_RESPONSE', head);
      return;
    }
    const { fields, contentLength } = head;
    const bytes = body === null ? 0 : body.byteLength;
    const toHead = this.#request.target.method === 'HEAD';
    this.#bodyless = toHead || status === 204 || status === 205 || status === 304;
    if (this.#bodyless) {
      if (toHead) {
        const length = contentLength ?? (last && bytes > 0 ? bytes : null);
        if (length !== null && status !== 204) fields.push('content-length', String(length));
      } else if (status === 205) fields.push('content-length', '0');
    } else {
      const length = contentLength ?? (last ? bytes : null);
      if (length !== null && (last ? length !== bytes : length < bytes)) {
        this.fail('CORDON_FUNCTION_RESPONSE', 'a body that differs from its Content-Length');
        return;
      }
      if ((length ?? bytes) > this.#request.match.fn.spec.limits.responseBytes) {
        this.fail('CORDON_RESPONSE_TOO_LARGE', 'response past limits.response');
        return;
      }
      if (length !== null) fields.push('content-length', String(length));
      this.#announced = length;
    }
    fields.push(...ownFields(this.#request), ...this.#request.rateFields);
    fields.push('x-request-id', this.#request.id);
    if (last) {
      this.#phase = 'answered';
      this.#answer.full(status, fields, this.#bodyless ? null : body);
      return;
    }
    this.#phase = 'answering';
    this.#answer.begin(status, fields, body === null || this.#bodyless);
    if (body !== null) this.data(body);
  }

  data(chunk: Uint8Array): void {
    if (this.#phase !== 'answering') return;
    const bytes = chunk.byteLength;
    this.#uncredited += bytes;
    this.#responseBytes += bytes;
    if (this.#bodyless) {
      this.#credit();
      return;
    }
    if (this.#announced !== null && this.#responseBytes > this.#announced) {
      this.fail('CORDON_FUNCTION_RESPONSE', 'more body than its Content-Length');
    } else if (this.#responseBytes > this.#request.match.fn.spec.limits.responseBytes) {
      this.fail('CORDON_RESPONSE_TOO_LARGE', 'response past limits.response');
    } else if (this.#answer.write(chunk)) {
      this.#credit();
    } else {
      this.#awaitDrain();
    }
  }

  end(): void {
    if (this.#phase !== 'answering') return;
    if (!this.#bodyless && this.#announced !== null && this.#responseBytes !== this.#announced) {
      this.fail('CORDON_FUNCTION_RESPONSE', 'less body than its Content-Length');
      return;
    }
    this.#phase = 'answered';
    this.#answer.end(null);
  }

  failed(error: CordonError): void {
    this.#exchange = null;
    this.fail(error.code, error.message);
  }

  drain(): void {
    if (this.#phase === 'answered') return;
    this.#body?.resume(this.#rules.ticker.now);
    if (this.#exchange !== null) this.#collected?.send(this.#exchange);
  }

  message(): void {
    this.fail('CORDON_CHANNEL_VIOLATION', 'a WebSocket message outside of a WebSocket');
  }

  closed(): void {
    this.fail('CORDON_CHANNEL_VIOLATION', 'a WebSocket close outside of a WebSocket');
  }

  // ── what the caller does ──

  sweep(tick: number): void {
    const { limits, ticker } = this.#rules;
    if (
      this.#phase !== 'answered' &&
      this.#body?.stalled(tick, ticker.ticks(limits.bodyIdleTimeoutMs)) === true
    ) {
      this.fail('CORDON_REQUEST_TIMEOUT', 'pause inside the body');
    }
    if (this.#phase === 'answering' && !isStillKnown(this.#request)) {
      this.fail('CORDON_UNAUTHENTICATED', 'the caller has to be identified again');
    }
    this.#answer.sweep(tick);
  }

  callerLeft(): void {
    if (this.#phase !== 'answered') {
      this.#exchange?.abort();
      this.#failure ??= 'CORDON_CALLER_LEFT';
      this.#phase = 'answered';
    }
    this.#answer.connectionEnded();
  }

  bodyFailed(code: ErrorCode): boolean {
    if (this.#body === null || this.#body.complete) return false;
    if (this.#phase === 'answered') this.#answer.bodyBroken();
    else this.fail(code, 'the rest of the body could not be read');
    return true;
  }

  /** Gives it a request that was dispatched by another sink, which passes on what comes. */
  adopt(exchange: Exchange): void {
    this.#exchange = exchange;
    // A dispatcher may answer before it returns, and so badly that the exchange has failed.
    if (this.#failure !== null) exchange.abort();
    else if (this.#uncredited > 0 && !this.#blocked) this.#credit();
  }

  /** Lets go of a request whose answer goes out in another way. */
  release(): void {
    this.#exchange = null;
    this.#phase = 'answered';
    this.#connection.settled(this);
  }

  /** Ends the exchange as failed: with an error answer while the head is not written, else by a cut. */
  fail(code: ErrorCode, detail: string): void {
    if (this.#phase === 'answered') return;
    const started = this.#phase === 'answering';
    this.#phase = 'answered';
    this.#failure = code;
    this.#detail = detail;
    this.#exchange?.abort();
    if (started) this.#answer.cut();
    else {
      const shared = [...ownFields(this.#request), ...this.#request.rateFields];
      this.#answer.error(code, this.#request.id, shared, false);
    }
  }

  #credit(): void {
    if (this.#exchange === null) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#exchange.consumed(bytes);
  }

  #awaitDrain(): void {
    this.#blocked = true;
    if (this.#listensForDrain) return;
    this.#listensForDrain = true;
    this.#answer.onDrain(() => {
      this.#blocked = false;
      this.#credit();
    });
  }
}

function joined(chunks: readonly Buffer[]): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}
