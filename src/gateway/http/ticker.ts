/**
 * Coarse time for stall limits. Reading a counter costs a request nothing, where a timer of its own would
 * cost more than all its stages; limits are therefore met with the precision of one tick.
 */
export class Ticker {
  /** Ticks since the start. */
  now = 0;
  readonly tickMs: number;
  readonly #sweep: (now: number) => void;
  #timer: NodeJS.Timeout | null = null;

  /** `sweep` is called on each tick, every `tickMs` milliseconds. */
  constructor(tickMs: number, sweep: (now: number) => void) {
    this.tickMs = tickMs;
    this.#sweep = sweep;
  }

  /** Ticks that are at least as long as `ms`. */
  ticks(ms: number): number {
    return Math.ceil(ms / this.tickMs) + 1;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.now += 1;
      this.#sweep(this.now);
    }, this.tickMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
