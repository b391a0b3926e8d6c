import { hash, randomBytes } from 'node:crypto';
import { LIMITS, systemClock } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import { checkAsk, debtMs, describe, fillMs, tokenMs, waitMs } from './bucket.ts';
import type { Ask, Bucket, Counters, Taken } from './port.ts';
import { SteadyTime } from './steady-time.ts';

export interface MemoryCountersOptions {
  readonly clock?: Clock;
  /** Buckets that are remembered at once, a power of two from 16. Default `LIMITS.rateEntriesMax`. */
  readonly entriesMax?: number;
}

/** Places for one bucket. Of a table that is half full, one in 250 new buckets finds all of its places taken. */
const WAYS = 16;
const KEY_BYTES = 16;

/** Where the time at which a bucket is full is kept. */
interface Place {
  readonly times: Float64Array;
  readonly index: number;
}

/**
 * Buckets in the memory of this process: a table of fixed size, 16 bytes for each bucket, that is not
 * allocated before it is used and never grows, moves or needs a timer. A bucket has `WAYS` places, which a
 * hash under a random key chooses. The place of a bucket that is full again may be taken by another, as
 * forgetting it changes nothing; one that is not full is never forgotten. A bucket whose places are all taken
 * by such shares one of `LIMITS.rateOverflowMax` others, and whoever shares has less, never more.
 */
export class MemoryCounters implements Counters {
  readonly #time: SteadyTime;
  readonly #sets: number;
  readonly #tags: Uint32Array;
  readonly #fullAt: Float64Array;
  readonly #overflow = new Float64Array(LIMITS.rateOverflowMax.value);
  readonly #hashKey = randomBytes(KEY_BYTES).toString('latin1');

  constructor(options: MemoryCountersOptions = {}) {
    const entriesMax = options.entriesMax ?? LIMITS.rateEntriesMax.value;
    this.#time = new SteadyTime(options.clock ?? systemClock);
    this.#sets = entriesMax / WAYS;
    if (this.#sets < 1 || !Number.isInteger(Math.log2(this.#sets)))
      throw new RangeError('The number of buckets is a power of two.');
    this.#tags = new Uint32Array(2 * entriesMax);
    this.#fullAt = new Float64Array(entriesMax);
  }

  take(asks: readonly Ask[]): readonly Taken[] {
    const now = this.#time.now();
    const places: Place[] = [];
    const waits: number[] = [];
    let refused = false;
    for (const ask of asks) {
      checkAsk(ask);
      const place = this.#placeOf(ask.key, now);
      const debt = debtMs(ask.bucket, place.times[place.index] ?? 0, now);
      const wait = waitMs(ask.bucket, debt, ask.cost ?? 1);
      places.push(place);
      waits.push(wait);
      refused ||= wait > 0;
    }
    return asks.map(({ bucket, cost = 1 }, i) => {
      const place = places[i];
      const wait = waits[i] ?? Number.POSITIVE_INFINITY;
      return place === undefined
        ? describe(bucket, fillMs(bucket), wait)
        : describe(bucket, this.#settle(place, bucket, refused ? 0 : cost, now), wait);
    });
  }

  close(): void {
    // Nothing goes on in the background.
  }

  /** Takes the tokens; returns the debt that is left. */
  #settle({ times, index }: Place, bucket: Bucket, cost: number, now: number): number {
    const before = times[index] ?? 0;
    const debt = debtMs(bucket, before, now) + cost * tokenMs(bucket);
    // A shared place only ever moves on: what one has taken, another does not give back.
    if (cost > 0) times[index] = times === this.#overflow ? Math.max(before, now + debt) : now + debt;
    return debt;
  }

  #placeOf(key: string, now: number): Place {
    const digest = hash('sha256', this.#hashKey + key, 'buffer');
    const one = digest.readUInt32LE(0);
    const other = digest.readUInt32LE(4);
    const first = (digest.readUInt32LE(8) & (this.#sets - 1)) * WAYS;
    let free = -1;
    for (let index = first; index < first + WAYS; index++) {
      if (this.#tags[2 * index] === one && this.#tags[2 * index + 1] === other)
        return { times: this.#fullAt, index };
      if (free < 0 && (this.#fullAt[index] ?? 0) <= now) free = index;
    }
    if (free < 0) return { times: this.#overflow, index: one % this.#overflow.length };
    // What stood there was full, and so is the bucket that is new; the next key of this call finds it taken.
    this.#tags[2 * free] = one;
    this.#tags[2 * free + 1] = other;
    this.#fullAt[free] = now * (1 + Number.EPSILON);
    return { times: this.#fullAt, index: free };
  }
}
