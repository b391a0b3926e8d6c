import type { Clock } from '../contract/index.ts';

interface Bucket {
  bytes: number;
  /** Monotonic milliseconds of the last refill. */
  at: number;
}

interface Dropped<T> {
  lines: number;
  /** A line that was dropped, to say whose they were. */
  readonly sample: T;
  /** Monotonic milliseconds of the first one. */
  readonly since: number;
}

const SECOND_MS = 1000;

/**
 * Bounds the bytes a second of each key, with a burst of one second. What it drops it counts, and says once
 * a second and key.
 */
export class LineRate<T> {
  readonly #bytesPerSecondMax: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #dropped = new Map<string, Dropped<T>>();
  #sweptAt = 0;

  constructor(bytesPerSecondMax: number, clock: Clock) {
    this.#bytesPerSecondMax = bytesPerSecondMax;
    this.#clock = clock;
  }

  /** True when a report of dropped lines is still to come. */
  get hasDropped(): boolean {
    return this.#dropped.size > 0;
  }

  /** False where the line, of `bytes` bytes, has to be dropped. */
  take(key: string, bytes: number, line: T): boolean {
    const now = this.#clock.monotonic();
    const max = this.#bytesPerSecondMax;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = { bytes: max, at: now }));
    bucket.bytes = Math.min(max, bucket.bytes + ((now - bucket.at) / SECOND_MS) * max);
    bucket.at = now;
    if (bucket.bytes >= bytes) {
      bucket.bytes -= bytes;
      return true;
    }
    const dropped = this.#dropped.get(key);
    if (dropped === undefined) this.#dropped.set(key, { lines: 1, sample: line, since: now });
    else dropped.lines += 1;
    return false;
  }

  /** Those that were dropped and whose time to be said has come; each is returned once. */
  due(): { readonly lines: number; readonly sample: T }[] {
    const now = this.#clock.monotonic();
    const due: { readonly lines: number; readonly sample: T }[] = [];
    for (const [key, dropped] of this.#dropped) {
      if (now - dropped.since < SECOND_MS) continue;
      this.#dropped.delete(key);
      due.push(dropped);
    }
    this.#sweep(now);
    return due;
  }

  // A bucket that was quiet for a second is full again: forgetting it changes nothing.
  #sweep(now: number): void {
    if (now - this.#sweptAt < SECOND_MS) return;
    this.#sweptAt = now;
    for (const [key, bucket] of this.#buckets) if (now - bucket.at >= SECOND_MS) this.#buckets.delete(key);
  }
}
