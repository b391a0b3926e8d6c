import { CordonError, LIMITS } from '../contract/index.ts';
import type { ClaimedEvent } from '../events/index.ts';
import type { Exchange, ResponseSink } from '../instance/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import { readOutcome } from './outcome.ts';
import type { RunResult } from './outcome.ts';
import type { ServedFunction, Timers } from './port.ts';
import { runRequestOf } from './run-request.ts';

const OK = 200;
const PIECE_BYTES = 64 * 1024;

/** One run of a function for some events of one lane, from the dispatch until its result is known. */
export class Run {
  readonly events: readonly ClaimedEvent[];
  /** Never rejects. */
  readonly result: Promise<RunResult>;
  readonly #exchange: Exchange;
  #finish: (result: RunResult) => void = () => undefined;
  #over = false;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #rest: Uint8Array | null;
  #cancelTimer: () => void = () => undefined;

  /** `timeMs`: from now until it is taken for lost. `alone`: it has its instance for itself. */
  constructor(
    dispatcher: Dispatcher,
    timers: Timers,
    served: ServedFunction,
    consumer: LaneConsumer,
    events: readonly ClaimedEvent[],
    { timeMs, alone }: { readonly timeMs: number; readonly alone: boolean },
  ) {
    this.events = events;
    this.result = new Promise((resolve) => {
      this.#finish = resolve;
    });
    const { request, rest } = runRequestOf(consumer, events);
    this.#rest = rest;
    this.#exchange = dispatcher.dispatch(
      served.deployment,
      served.fn,
      alone ? { ...request, alone } : request,
      this.#sink(),
    );
    if (this.#over) return;
    this.#cancelTimer = timers.after(timeMs, () => this.abandon('CORDON_FUNCTION_TIMEOUT'));
    this.#write();
  }

  /** Ends it, whatever the function still does. */
  abandon(code: 'CORDON_FUNCTION_TIMEOUT' | 'CORDON_FUNCTION_RESPONSE' | 'CORDON_DRAINING'): void {
    if (this.#over) return;
    this.#exchange.abort();
    this.#end({ kind: 'failed', error: new CordonError(code) });
  }

  #sink(): ResponseSink {
    return {
      head: (status, _headers, body, last) => {
        if (status !== OK) {
          this.abandon('CORDON_FUNCTION_RESPONSE');
          return;
        }
        if (body !== null) this.#take(body);
        if (last) this.#answered();
      },
      data: (chunk) => this.#take(chunk),
      end: () => this.#answered(),
      message: () => undefined,
      closed: () => this.abandon('CORDON_FUNCTION_RESPONSE'),
      failed: (error) => this.#end({ kind: 'failed', error }),
      drain: () => this.#write(),
    };
  }

  #take(chunk: Uint8Array): void {
    if (this.#over) return;
    this.#bytes += chunk.byteLength;
    if (this.#bytes > LIMITS.eventOutcomeBytesMax.value) {
      this.abandon('CORDON_FUNCTION_RESPONSE');
      return;
    }
    this.#pieces.push(chunk);
    this.#exchange.consumed(chunk.byteLength);
  }

  #answered(): void {
    if (this.#over) return;
    try {
      const outcome = readOutcome(Buffer.concat(this.#pieces), this.events.length);
      this.#end({ kind: 'answered', outcome });
    } catch (thrown) {
      const error =
        thrown instanceof CordonError
          ? thrown
          : new CordonError('CORDON_INTERNAL', undefined, { cause: thrown });
      this.#end({ kind: 'failed', error });
    }
  }

  #end(result: RunResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#finish(result);
  }

  /** Sends what the function takes now of a body that is too large for one frame. */
  #write(): void {
    while (this.#rest !== null && !this.#over) {
      if (this.#rest.byteLength === 0) {
        this.#rest = null;
        this.#exchange.end();
        return;
      }
      const piece = this.#rest.subarray(0, PIECE_BYTES);
      this.#rest = this.#rest.subarray(PIECE_BYTES);
      if (!this.#exchange.write(piece)) return;
    }
  }
}
