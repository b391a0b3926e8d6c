import { addressGroup } from '../../rate/index.ts';
import type { LoadShedder, NotHeld, Overload, RateVerdict, Who } from '../../rate/index.ts';
import { Refusal } from './refusal.ts';
import { Slot } from './slot.ts';
import type { Admitted, Identified, Outcome } from './stages.ts';

const NOTHING_LIMITED: RateVerdict = { allowed: true, fields: [] };

/**
 * Third stage: the limits that hold before a function is involved. Rates first, as whoever is past its rate
 * may not take a place from others; then the places. Requests that wait for an instance are queued and
 * bounded behind the dispatcher; what would only wait there is shed here, while an answer still costs little.
 */
export class Admission {
  readonly #shedder: LoadShedder;
  readonly #requestsInFlightMax: number;
  #inFlight = 0;

  /** `requestsInFlightMax`: those whose answer is on its way count as well, which the shedder has let go. */
  constructor(shedder: LoadShedder, requestsInFlightMax: number) {
    this.#shedder = shedder;
    this.#requestsInFlightMax = requestsInFlightMax;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes a slot; whoever gets an `Admitted` releases it exactly once. */
  admit(identified: Identified): Outcome<Admitted> {
    const { contentLength } = identified.head;
    if (contentLength !== null && contentLength > identified.match.fn.spec.limits.bodyBytes) {
      return new Refusal('CORDON_BODY_TOO_LARGE', 'Content-Length past limits.body', {
        event: 'limit.exceeded',
        closes: true,
      });
    }
    const { rates, concurrency } = identified.guard;
    if (rates === null && concurrency === null) return this.#enter(identified, NOTHING_LIMITED, null);
    const who = whoCalls(identified);
    const verdict = rates === null ? NOTHING_LIMITED : rates.take(who);
    if (!(verdict instanceof Promise)) return this.#enter(identified, verdict, who);
    return verdict.then((settled) => this.#enter(identified, settled, who));
  }

  #enter(identified: Identified, verdict: RateVerdict, who: Who | null): Admitted | Refusal {
    if (!verdict.allowed) {
      const { code, reason, fields } = verdict;
      return new Refusal(code, reason, { event: 'limit.exceeded', headers: fields });
    }
    if (this.#inFlight >= this.#requestsInFlightMax) return full(verdict.fields);
    const held = who === null ? null : (identified.guard.concurrency?.enter(who) ?? null);
    if (held !== null && !held.allowed) return refused(held, verdict.fields);
    const { match, caller } = identified;
    const place = this.#shedder.enter(
      `${match.deployment.id}/${match.fn.spec.name}`,
      caller.kind === 'anonymous' ? 'unknown' : 'known',
    );
    if (!place.allowed) {
      held?.release();
      return refused(place, verdict.fields);
    }
    this.#inFlight += 1;
    const slot = new Slot(place, () => (this.#inFlight -= 1));
    if (held !== null) slot.add(() => held.release());
    return { ...identified, slot, rateFields: verdict.fields } as Admitted;
  }
}

function full(shown: readonly string[]): Refusal {
  const options = { event: 'limit.exceeded', headers: [...shown, 'retry-after', '1'] } as const;
  return new Refusal('CORDON_OVERLOADED', 'requests in flight', options);
}

/** `shown`: fields that the caller sees all the same. */
function refused({ code, reason, fields }: NotHeld | Overload, shown: readonly string[]): Refusal {
  return new Refusal(code, reason, { event: 'limit.exceeded', headers: [...shown, ...fields] });
}

/** Who calls, as far as limits care. */
function whoCalls({ address, caller }: Identified): Who {
  const group = addressGroup(address);
  if (caller.kind === 'anonymous') return { address: group, subject: null, key: null };
  if (caller.kind === 'control') return { address: group, subject: 'control', key: 'control' };
  const { authenticator, subject, credential } = caller;
  return {
    address: group,
    subject: `${authenticator} ${subject}`,
    key: `${authenticator} ${credential}`,
  };
}
