import { toCordonError } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { RateSpec } from '../manifest/index.ts';
import type { Ask, Counters, Taken } from './port.ts';
import { limitField, policyField, retryAfter } from './rate-fields.ts';
import { Scope } from './scope.ts';
import type { RouteScope, Who } from './scope.ts';

/** What the rates of a route say of a request. */
export type RateVerdict =
  | { readonly allowed: true; readonly fields: readonly string[] }
  | {
      readonly allowed: false;
      /** CORDON_RATE_LIMITED; CORDON_COUNTERS_UNAVAILABLE where nobody can count. */
      readonly code: ErrorCode;
      /** The rule that decided, for the operator. */
      readonly reason: string;
      /** Response fields as [name, value, …], Retry-After among them. */
      readonly fields: readonly string[];
    };

/** One rule, ready to be asked. */
interface Rule {
  /** As the response fields call it. */
  readonly name: string;
  readonly spec: RateSpec;
  readonly scope: Scope;
}

const UNLIMITED: RateVerdict = { allowed: true, fields: [] };
const UNAVAILABLE_RETRY_MS = 1000;

/** The rates of one route. A request passes where all of them let it, and costs nothing where one does not. */
export class RateRules {
  readonly #counters: Counters;
  readonly #rules: readonly Rule[];
  readonly #policy: string;

  constructor(counters: Counters, rates: readonly RateSpec[], scope: RouteScope) {
    this.#counters = counters;
    this.#rules = rates.map((spec, i) => ({
      name: nameOf(rates, i),
      spec,
      scope: new Scope(spec.per, `rate ${spec.count} ${spec.periodMs} ${spec.burst}`, scope),
    }));
    this.#policy = policyField(this.#rules);
  }

  /** Counts a request. It answers at once where the counters do, and never throws. */
  take(who: Who): RateVerdict | Promise<RateVerdict> {
    if (this.#rules.length === 0) return UNLIMITED;
    const asks = this.#rules.map(({ spec, scope }): Ask => ({ key: scope.keyOf(who), bucket: spec }));
    try {
      const taken = this.#counters.take(asks);
      if (taken instanceof Promise) return taken.then((all) => this.#judge(all), unavailable);
      return this.#judge(taken);
    } catch (thrown) {
      return unavailable(thrown);
    }
  }

  #judge(taken: readonly Taken[]): RateVerdict {
    let tightest: { readonly rule: Rule; readonly taken: Taken } | null = null;
    for (const [i, rule] of this.#rules.entries()) {
      const one = taken[i];
      if (one === undefined) return unavailable(new Error('A rule was not counted.'));
      if (tightest === null || isTighter(one, tightest.taken)) tightest = { rule, taken: one };
    }
    if (tightest === null) return UNLIMITED;
    const { rule } = tightest;
    const fields = ['ratelimit-policy', this.#policy, 'ratelimit', limitField(rule.name, tightest.taken)];
    if (tightest.taken.allowed) return { allowed: true, fields };
    return {
      allowed: false,
      code: 'CORDON_RATE_LIMITED',
      reason: `rate per ${rule.spec.per}`,
      fields: [...fields, 'retry-after', retryAfter(tightest.taken.retryAfterMs)],
    };
  }
}

function isTighter(one: Taken, other: Taken): boolean {
  if (one.retryAfterMs !== other.retryAfterMs) return one.retryAfterMs > other.retryAfterMs;
  return one.remaining < other.remaining;
}

/** `subject`, or `subject-2` for the second rule of that kind. */
function nameOf(rates: readonly RateSpec[], index: number): string {
  const { per } = rates[index] ?? { per: 'route' };
  const position = rates.slice(0, index).filter((other) => other.per === per).length + 1;
  return position === 1 ? per : `${per}-${position}`;
}

function unavailable(thrown: unknown): RateVerdict {
  const { code, message } = toCordonError(thrown);
  return { allowed: false, code, reason: message, fields: ['retry-after', retryAfter(UNAVAILABLE_RETRY_MS)] };
}
