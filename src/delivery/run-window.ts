import { LIMITS } from '../contract/index.ts';

/**
 * How many runs of a function may go on at once: one at first, and one more for each run that ends while more waits,
 * so that it doubles with each generation of runs; half as many when the platform has no room, and half as many for
 * each half-life without any. What it allows is what the pool starts instances for.
 */
export class RunWindow {
  #size = 1;
  #max: number;
  #idleSince: number | null;
  #shrunkAt = Number.NEGATIVE_INFINITY;

  /** `max` from 1; `now` on a steady clock, ms. */
  constructor(max: number, now: number) {
    this.#max = max;
    this.#idleSince = now;
  }

  get max(): number {
    return this.#max;
  }

  set max(max: number) {
    this.#max = max;
    this.#size = Math.min(this.#size, max);
  }

  size(now: number): number {
    if (this.#idleSince === null) return this.#size;
    const halvings = Math.floor(Math.max(0, now - this.#idleSince) / LIMITS.eventWindowHalfLifeMs.value);
    return Math.max(1, Math.floor(this.#size / 2 ** halvings));
  }

  /** A run starts. */
  used(now: number): void {
    this.#size = this.size(now);
    this.#idleSince = null;
  }

  /** A run ended as it should while more waits. */
  grow(): void {
    this.#size = Math.min(this.#size + 1, this.#max);
  }

  /** The platform had no room for a run. Runs that fail together halve it once. */
  shrink(now: number): void {
    if (now - this.#shrunkAt < LIMITS.eventPauseMs.value) return;
    this.#shrunkAt = now;
    this.#size = Math.max(1, Math.floor(this.#size / 2));
  }

  /** Nothing runs and nothing waits. */
  rest(now: number): void {
    this.#idleSince ??= now;
  }
}
