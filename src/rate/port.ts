/** A token bucket: it holds `burst` tokens when full and gets `count` of them back in each `periodMs`. */
export interface Bucket {
  /** From 1. */
  readonly count: number;
  readonly periodMs: number;
  /** From 1. */
  readonly burst: number;
}

/** What is to be taken from one bucket. */
export interface Ask {
  /** Names the bucket, up to `LIMITS.rateKeyCharsMax` characters. Whoever uses one key uses one kind of bucket. */
  readonly key: string;
  readonly bucket: Bucket;
  /** Tokens, from 0. Default 1. */
  readonly cost?: number;
}

/** One bucket after it was asked. */
export interface Taken {
  /** True where this bucket had what was asked for. */
  readonly allowed: boolean;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** Time until the bucket is full if nobody takes from it. */
  readonly resetMs: number;
  /** Time until the bucket has what was asked for; 0 where it has it, Infinity where it never will. */
  readonly retryAfterMs: number;
}

/**
 * Where buckets are kept. An adapter in this process answers at once; one behind a network with a promise.
 */
export interface Counters {
  /**
   * Takes from all of the buckets or, where one of them refuses, from none. Answers in the order of the asks,
   * whose keys are distinct.
   * Errors: CORDON_COUNTERS_UNAVAILABLE; a `RangeError` for a bucket, cost or key that cannot be.
   */
  take(asks: readonly Ask[]): readonly Taken[] | Promise<readonly Taken[]>;
  close(): void;
}
