/** A loop that is later than this, whenever it is looked at, has more to do than it can. */
const LAG_MS_MAX = 50;
/** How long it has to be late before anything is shed. */
const STANDING_MS = 200;
/** Requests in flight that are never shed. */
export const TOTAL_FLOOR = 16;
const SHRINK = 0.7;
const GROW = 1.25;
const GROW_EXTRA = 8;

/**
 * How many requests may be in flight while the event loop of this process is the bottleneck: less by a third
 * for as long as it stays late, and more with each time that it is not (additive increase, multiplicative
 * decrease).
 */
export class LagLimit {
  readonly #max: number;
  #limit: number;
  #lateSince: number | null = null;
  #peak = 0;

  /** `max` holds while the loop is in time. */
  constructor(max: number) {
    this.#max = max;
    this.#limit = max;
  }

  get limit(): number {
    return this.#limit;
  }

  /** So many are in flight. */
  sees(inFlight: number): void {
    if (inFlight > this.#peak) this.#peak = inFlight;
  }

  /** The loop was looked at, at a monotonic time, and was so late. */
  observe(lagMs: number, now: number): void {
    if (lagMs <= LAG_MS_MAX) {
      this.#lateSince = null;
      this.#limit = Math.min(this.#max, Math.floor(this.#limit * GROW) + GROW_EXTRA);
      this.#peak = 0;
      return;
    }
    this.#lateSince ??= now;
    if (now - this.#lateSince < STANDING_MS) return;
    const used = Math.min(this.#limit, Math.max(this.#peak, TOTAL_FLOOR));
    this.#limit = Math.min(this.#max, Math.max(TOTAL_FLOOR, Math.floor(used * SHRINK)));
    this.#lateSince = now;
    this.#peak = 0;
  }
}
