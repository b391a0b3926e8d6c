import { Refusal } from './refusal.ts';
import type { Admitted, Identified } from './stages.ts';

const RETRY_AFTER_SECONDS = '1';

/**
 * Third stage: the limits that hold before a function is involved. Requests that wait for an instance are
 * queued and bounded behind the dispatcher; here everything past the bound is shed at once, while an
 * answer still costs little.
 */
export class Admission {
  readonly #requestsInFlightMax: number;
  #inFlight = 0;

  constructor(requestsInFlightMax: number) {
    this.#requestsInFlightMax = requestsInFlightMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes a slot; whoever gets an `Admitted` calls `release` exactly once. */
  admit(identified: Identified): Admitted | Refusal {
    const { contentLength } = identified.head;
    if (contentLength !== null && contentLength > identified.match.fn.spec.limits.bodyBytes) {
      return new Refusal('CORDON_BODY_TOO_LARGE', 'Content-Length past limits.body', {
        event: 'limit.exceeded',
        closes: true,
      });
    }
    if (this.#inFlight >= this.#requestsInFlightMax) return overloaded('requests in flight');
    this.#inFlight += 1;
    return identified as Admitted;
  }

  release(): void {
    this.#inFlight -= 1;
  }
}

/** A refusal for load, with the time after which to try again. */
function overloaded(reason: string): Refusal {
  return new Refusal('CORDON_OVERLOADED', reason, {
    event: 'limit.exceeded',
    headers: ['retry-after', RETRY_AFTER_SECONDS],
  });
}
