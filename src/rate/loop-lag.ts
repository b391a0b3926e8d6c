import type { Clock } from '../contract/index.ts';

const INTERVAL_MS = 50;

/** Looks at how late the event loop is. Costs one timer; `stop` ends it. */
export class LoopLag {
  readonly #timer: NodeJS.Timeout;

  /** `observe` is called with the milliseconds by which a timer was late, and the monotonic time. */
  constructor(clock: Clock, observe: (lagMs: number, now: number) => void) {
    let last = clock.monotonic();
    this.#timer = setInterval(() => {
      const now = clock.monotonic();
      observe(Math.max(0, now - last - INTERVAL_MS), now);
      last = now;
    }, INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
