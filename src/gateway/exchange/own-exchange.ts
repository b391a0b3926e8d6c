import { Answer } from '../http/answer.ts';
import type { AnswerRules } from '../http/answer.ts';
import type { Connection, OpenExchange } from '../http/connection.ts';
import { announcesBody } from '../http/message.ts';
import type { IncomingRequest, OutgoingResponse } from '../http/message.ts';
import type { Refusal } from '../stages/refusal.ts';
import { RequestBody } from '../http/request-body.ts';

/** An answer of the gateway itself. */
export interface OwnAnswer {
  readonly status: number;
  /** Flat, without Content-Length. */
  readonly fields: readonly string[];
  readonly body: string;
}

/** A request that no function answers: a refusal or an answer of the gateway's goes out, and its body, if any, is read away within bounds. */
export class OwnExchange implements OpenExchange {
  readonly #message: IncomingRequest;
  readonly #rules: AnswerRules;
  readonly #answer: Answer;

  constructor(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    rules: AnswerRules,
    settled: () => void,
  ) {
    this.#message = message;
    this.#rules = rules;
    this.#answer = new Answer(message, response, connection, rules, () => {
      connection.settled(this);
      settled();
    });
    connection.opened(this);
  }

  /** `shared`: fields of the route that belong to every answer, flat. */
  refuse(refusal: Refusal, id: string, awaitsContinue: boolean, shared: readonly string[]): void {
    this.#readAway(awaitsContinue);
    const { code, headers, closes, details } = refusal;
    this.#answer.error(code, id, shared.length === 0 ? headers : [...headers, ...shared], closes, details);
  }

  answer({ status, fields, body }: OwnAnswer, id: string, awaitsContinue: boolean): void {
    this.#readAway(awaitsContinue);
    const length = status === 204 ? [] : ['content-length', String(Buffer.byteLength(body))];
    this.#answer.full(
      status,
      [...fields, ...length, 'x-request-id', id],
      status === 204 ? null : Buffer.from(body),
    );
  }

  #readAway(awaitsContinue: boolean): void {
    if (!announcesBody(this.#message) || this.#message.readableEnded) return;
    const { ticker, limits } = this.#rules;
    const body = new RequestBody(this.#message, limits.lingerBytesMax, ticker.now, {
      chunk: () => true,
      complete: () => undefined,
      tooLarge: () => undefined,
    });
    this.#answer.body = body;
    this.#answer.awaitsContinue = awaitsContinue;
    body.read(() => ticker.now);
  }

  sweep(tick: number): void {
    this.#answer.sweep(tick);
  }

  callerLeft(): void {
    this.#answer.connectionEnded();
  }

  bodyFailed(): boolean {
    this.#answer.bodyBroken();
    return true;
  }
}
