import { LIMITS } from '../contract/index.ts';
import type { EventLog, Settled } from '../events/index.ts';
import type { Timers } from './port.ts';

/**
 * Keeps how events ended: what comes while one commit is under way goes into the next. What the store cannot keep
 * is tried `eventSettleAttemptsMax` times; then the leases end and the events come again.
 */
export class Settler {
  readonly #events: EventLog;
  readonly #timers: Timers;
  readonly #lost: (thrown: unknown, count: number) => void;
  #waiting: { readonly outcomes: readonly Settled[]; readonly kept: () => void }[] = [];
  #running = false;

  /** `lost` hears of what was given up. */
  constructor(events: EventLog, timers: Timers, lost: (thrown: unknown, count: number) => void) {
    this.#events = events;
    this.#timers = timers;
    this.#lost = lost;
  }

  /** Resolves when the outcomes are durable, or given up. Never rejects. */
  settle(outcomes: readonly Settled[]): Promise<void> {
    if (outcomes.length === 0) return Promise.resolve();
    return new Promise((kept) => {
      this.#waiting.push({ outcomes, kept });
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Runs that ended in the same turn share a commit.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0);
      await this.#keep(taken.flatMap(({ outcomes }) => outcomes));
      for (const { kept } of taken) kept();
    }
    this.#running = false;
  }

  async #keep(outcomes: readonly Settled[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#events.settle(outcomes);
        return;
      } catch (thrown) {
        if (attempt >= LIMITS.eventSettleAttemptsMax.value) {
          this.#lost(thrown, outcomes.length);
          return;
        }
      }
      await new Promise<void>((resolve) => {
        this.#timers.after(LIMITS.eventPauseMs.value, resolve);
      });
    }
  }
}
