import { LIMITS } from '../contract/index.ts';
import type { Clock, ErrorCode } from '../contract/index.ts';
import { AdaptiveLimit, FLOOR } from './adaptive-limit.ts';
import type { Entry, Priority } from './adaptive-limit.ts';
import { LagLimit } from './lag-limit.ts';

export interface LoadShedderOptions {
  readonly clock: Clock;
  /** Random number from 0 to below 1. */
  readonly random: () => number;
  /** Default `LIMITS.requestsInFlightMax`. */
  readonly requestsInFlightMax?: number;
}

/** A request that was let in. */
export interface Slot {
  readonly allowed: true;
  /** An instance, which is named, has taken it up. */
  assigned(instance: string): void;
  /**
   * Gives the slot back, once the head of the answer is there or the request has failed; further calls do
   * nothing. `measured` is false where the time of it says nothing about the function: its caller left, or
   * sent a body that the function had to wait for.
   */
  done(measured: boolean): void;
}

export interface Overload {
  readonly allowed: false;
  readonly code: ErrorCode;
  /** For the operator. */
  readonly reason: string;
  /** Response fields as [name, value, …], Retry-After among them. */
  readonly fields: readonly string[];
}

/** A function, with the instances that have been seen of it. */
class KnownFunction {
  readonly limit: AdaptiveLimit;
  usedAt: number;
  readonly #instances = new Set<string>();

  constructor(now: number) {
    this.limit = new AdaptiveLimit(now);
    this.usedAt = now;
  }

  runsIn(instance: string, now: number): void {
    if (this.#instances.has(instance)) return;
    this.#instances.add(instance);
    this.limit.grew(now);
    if (this.#instances.size <= LIMITS.instancesTotalMax.value) return;
    const [oldest] = this.#instances;
    if (oldest !== undefined) this.#instances.delete(oldest);
  }
}

/** Part of all places that callers who are not known may take. */
const UNKNOWN_PART = 0.9;
/** Functions are looked through for idle ones past this number. */
const FUNCTIONS_KEPT = 1000;
const FUNCTION_IDLE_MS = 60_000;
const RETRY_SECONDS_MIN = 1;
const RETRY_SPREAD_SECONDS = 2;
const RETRY_SPREAD_SECONDS_MAX = 30;

/**
 * Sheds what would only wait. Each function has an `AdaptiveLimit`. Of all places, a function may hold as many
 * as are free (dynamic thresholds, Choudhury and Hahne 1998): one that hangs takes half of them, two that
 * hang leave a third, and the others are served. Fewer places are given while the event loop is late.
 * Callers who are known go before those who are not. A refusal costs no timer and no queue.
 */
export class LoadShedder {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #total: LagLimit;
  readonly #functions = new Map<string, KnownFunction>();
  #inFlight = 0;

  constructor(options: LoadShedderOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#total = new LagLimit(options.requestsInFlightMax ?? LIMITS.requestsInFlightMax.value);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Functions that are remembered. */
  get functions(): number {
    return this.#functions.size;
  }

  /** Takes a place for a request of a function, which `functionKey` names together with its deployment. */
  enter(functionKey: string, priority: Priority): Slot | Overload {
    const now = this.#clock.monotonic();
    const { limit: total } = this.#total;
    const places = priority === 'known' ? total : Math.max(1, Math.floor(total * UNKNOWN_PART));
    if (this.#inFlight >= places) return this.#refused('requests in flight', 0);
    const known = this.#functionOf(functionKey, now);
    known.usedAt = now;
    if (known.limit.inFlight >= Math.max(FLOOR, total - this.#inFlight))
      return this.#refused('requests in flight of one function', known.limit.refusedShare);
    const entered = known.limit.enter(priority, now);
    if (entered === null) return this.#refused('function overloaded', known.limit.refusedShare);
    this.#inFlight += 1;
    this.#total.sees(this.#inFlight);
    return new TakenSlot(this.#clock, known, entered, () => {
      this.#inFlight -= 1;
    });
  }

  /** Tells how late the event loop was, as `LoopLag` does. */
  observeLag(lagMs: number, now: number): void {
    this.#total.observe(lagMs, now);
  }

  #functionOf(key: string, now: number): KnownFunction {
    let known = this.#functions.get(key);
    if (known === undefined) {
      if (this.#functions.size >= FUNCTIONS_KEPT) this.#forgetIdle(now);
      known = new KnownFunction(now);
      this.#functions.set(key, known);
    }
    return known;
  }

  #forgetIdle(now: number): void {
    for (const [key, { limit, usedAt }] of this.#functions)
      if (limit.inFlight === 0 && now - usedAt >= FUNCTION_IDLE_MS) this.#functions.delete(key);
  }

  /** The more are refused, the further apart they come back. */
  #refused(reason: string, refusedShare: number): Overload {
    const spread = Math.min(RETRY_SPREAD_SECONDS / (1 - refusedShare), RETRY_SPREAD_SECONDS_MAX);
    const seconds = RETRY_SECONDS_MIN + Math.floor(this.#random() * spread);
    return { allowed: false, code: 'CORDON_OVERLOADED', reason, fields: ['retry-after', String(seconds)] };
  }
}

class TakenSlot implements Slot {
  readonly allowed = true;
  readonly #clock: Clock;
  readonly #function: KnownFunction;
  readonly #entry: Entry;
  readonly #left: () => void;
  #assignedAt: number | null = null;
  #isDone = false;

  constructor(clock: Clock, known: KnownFunction, entry: Entry, left: () => void) {
    this.#clock = clock;
    this.#function = known;
    this.#entry = entry;
    this.#left = left;
  }

  assigned(instance: string): void {
    if (this.#isDone || this.#assignedAt !== null) return;
    this.#assignedAt = this.#clock.monotonic();
    this.#function.runsIn(instance, this.#assignedAt);
  }

  done(measured: boolean): void {
    if (this.#isDone) return;
    this.#isDone = true;
    const now = this.#clock.monotonic();
    const serviceMs = measured && this.#assignedAt !== null ? now - this.#assignedAt : null;
    this.#function.limit.leave(this.#entry, serviceMs, now);
    this.#left();
  }
}
