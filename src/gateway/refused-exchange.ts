import type { IncomingMessage, ServerResponse } from 'node:http';
import { Answer } from './answer.ts';
import type { AnswerRules } from './answer.ts';
import type { Connection, OpenExchange } from './connections.ts';
import type { Refusal } from './refusal.ts';
import { RequestBody } from './request-body.ts';

/** A request that a stage refused: its error goes out, and its body, if any, is read away within bounds. */
export class RefusedExchange implements OpenExchange {
  readonly #message: IncomingMessage;
  readonly #rules: AnswerRules;
  readonly #answer: Answer;

  constructor(
    message: IncomingMessage,
    response: ServerResponse,
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

  answer(refusal: Refusal, id: string, awaitsContinue: boolean): void {
    const { headers } = this.#message;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
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
    this.#answer.error(refusal.code, id, refusal.headers, refusal.closes);
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
