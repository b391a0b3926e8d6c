import type { ErrorCode } from '../../contract/index.ts';
import type { AnswerRules } from '../http/answer.ts';
import type { MessageBody } from '../http/body-source.ts';
import type { Connection, OpenExchange } from '../http/connection.ts';
import { announcesBody } from '../http/message.ts';
import type { IncomingRequest } from '../http/message.ts';
import { Refusal } from './refusal.ts';
import type { Intake } from '../request-path.ts';
import type { Slot } from './slot.ts';
import type { Outcome } from './stages.ts';
import { step } from './step.ts';

/**
 * A request while the stages judge it. Promises: it is judged within `guardsTimeoutMs`, whatever an
 * authenticator, the counters or a lookup does, or is refused; what it holds is given back at once where it is
 * refused or its caller leaves; from then on no further stage is entered.
 */
export class Judging implements OpenExchange {
  readonly #connection: Connection;
  readonly #message: IncomingRequest;
  readonly #body: Pick<MessageBody, 'isReading'>;
  readonly #rules: AnswerRules;
  #slot: Slot | null = null;
  #undo: (() => void) | null = null;
  /** Tick since which the guards have been waited for. */
  #startTick = 0;
  #over: Refusal | null = null;
  #end: ((refusal: Refusal) => void) | null = null;

  constructor(
    { message, connection }: Pick<Intake, 'message' | 'connection'>,
    body: Pick<MessageBody, 'isReading'>,
    rules: AnswerRules,
  ) {
    this.#connection = connection;
    this.#message = message;
    this.#body = body;
    this.#rules = rules;
  }

  /** Goes on to the next stage, unless it is over. */
  step<T extends object, R extends object>(outcome: Outcome<T>, next: (value: T) => Outcome<R>): Outcome<R> {
    return step(outcome, (value) => this.#over ?? next(value));
  }

  /** What is given back at once where it is over before the stages are done. */
  hold(slot: Slot): Slot {
    if (this.#over === null) this.#slot = slot;
    else slot.release();
    return slot;
  }

  /** What is undone where it comes to nothing; at once where it is over already. */
  onFailure(undo: () => void): void {
    if (this.#over === null) this.#undo = undo;
    else undo();
  }

  /** It came to nothing: no function has seen it, and nothing of it is durable as far as its caller knows. */
  failed(): void {
    const undo = this.#undo;
    this.#undo = null;
    undo?.();
  }

  /** Hands over what the stages decide, once, or why it is not waited for any longer. */
  await<T extends object>(outcome: Promise<T | Refusal>, conclude: (outcome: T | Refusal) => void): void {
    this.#startTick = this.#rules.ticker.now;
    this.#connection.opened(this);
    const end = (settled: T | Refusal): void => {
      if (this.#end === null) return;
      this.#end = null;
      conclude(settled);
      // Afterwards, so that the connection is never idle in between.
      this.#connection.settled(this);
    };
    this.#end = end;
    outcome.then(end, (thrown: unknown) => end(stageFailed(thrown)));
  }

  sweep(tick: number): void {
    const { limits, ticker } = this.#rules;
    // A body has a time of its own.
    if (this.#body.isReading) this.#startTick = tick;
    else if (tick - this.#startTick > ticker.ticks(limits.guardsTimeoutMs)) {
      this.#stop(
        new Refusal('CORDON_GUARD_TIMEOUT', 'what guards the route does not answer', { closes: true }),
      );
    }
  }

  callerLeft(): void {
    this.#stop(new Refusal('CORDON_CALLER_LEFT', 'the caller left before the stages were done'));
  }

  bodyFailed(code: ErrorCode): boolean {
    if (this.#message.complete === true || !announcesBody(this.#message)) return false;
    // The stage that reads it is told as well.
    if (!this.#body.isReading)
      this.#stop(new Refusal(code, 'the rest of the body could not be read', { closes: true }));
    return true;
  }

  #stop(refusal: Refusal): void {
    this.#over = refusal;
    this.#slot?.release();
    this.#end?.(refusal);
  }
}

/** What a stage says, or a refusal where it fails: one that cannot judge lets nobody through. */
export function judged<T>(stage: () => T): T | Refusal {
  try {
    return stage();
  } catch (thrown) {
    return stageFailed(thrown);
  }
}

function stageFailed(thrown: unknown): Refusal {
  return new Refusal('CORDON_INTERNAL', `a stage failed: ${String(thrown)}`);
}
