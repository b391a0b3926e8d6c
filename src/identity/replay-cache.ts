import { LIMITS } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';

/** A sweep looks at every entry; when all are in use it would be in vain each time. */
const SWEEP_INTERVAL_MS = 1000;

/** What became of something that may happen once: `full` means that it cannot be known, and so it is refused as well. */
export type Remembered = 'new' | 'seen' | 'full';

/**
 * What was accepted and may not be again, such as a signed delivery, each until it could not be accepted
 * anyhow. Only what was found good gets in here, so a stranger cannot fill it. When it is full, what is new is
 * refused rather than the old forgotten: who is honest tries again, while what is forgotten could be replayed.
 */
export class ReplayCache {
  readonly #clock: Clock;
  readonly #entriesMax: number;
  /** Until when, ms since the epoch. */
  readonly #seen = new Map<string, number>();
  readonly #startedAt: number;
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, entriesMax: number = LIMITS.webhookReplaysMax.value) {
    this.#clock = clock;
    this.#entriesMax = entriesMax;
    this.#startedAt = clock.now();
  }

  /** What was dated earlier may have been accepted by a process before this one. Ms since the epoch. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Remembers it by all its names until `until`, unless one of them is known. */
  remember(names: readonly string[], until: number): Remembered {
    const now = this.#clock.now();
    if (names.some((name) => (this.#seen.get(name) ?? 0) > now)) return 'seen';
    if (this.#seen.size + names.length > this.#entriesMax) this.#sweep(now);
    if (this.#seen.size + names.length > this.#entriesMax) return 'full';
    for (const name of names) this.#seen.set(name, until);
    return 'new';
  }

  /** It came to nothing, and may happen after all. */
  forget(name: string): void {
    this.#seen.delete(name);
  }

  #sweep(now: number): void {
    if (Math.abs(now - this.#sweptAt) < SWEEP_INTERVAL_MS) return;
    this.#sweptAt = now;
    for (const [name, until] of this.#seen) if (until <= now) this.#seen.delete(name);
  }
}
