import { LIMITS, systemClock } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import type { Lane, SourceTable } from '../events/index.ts';
import { MemoryCounters } from '../rate/index.ts';

export interface SourceQuotasOptions {
  readonly sources: () => SourceTable;
  readonly clock?: Clock;
  /** Buckets that are remembered at once, a power of two from 16. Default `LIMITS.rateEntriesMax`. */
  readonly entriesMax?: number;
}

/** What may be accepted from sources that have a quota. Memory is bounded however many lanes are asked about. */
export class SourceQuotas {
  readonly #sources: () => SourceTable;
  readonly #counters: MemoryCounters;

  constructor(options: SourceQuotasOptions) {
    this.#sources = options.sources;
    const { clock = systemClock, entriesMax = LIMITS.rateEntriesMax.value } = options;
    this.#counters = new MemoryCounters({ clock, entriesMax });
  }

  /**
   * Asks for `count` events of a lane, all or none. Null: they may be accepted, and are counted. Otherwise the time
   * after which they may be, ms; Infinity for more than the quota ever allows at once.
   */
  take(lane: Lane, count: number): number | null {
    const quota = this.#sources().byLane(lane)?.spec.quota ?? null;
    if (quota === null || count === 0) return null;
    // Whoever changes a quota starts with a full one.
    const key = `${quota.count}/${quota.periodMs}/${quota.burst} ${lane}`;
    const [taken] = this.#counters.take([{ key, bucket: quota, cost: count }]);
    if (taken === undefined || taken.allowed) return null;
    return taken.retryAfterMs;
  }
}
