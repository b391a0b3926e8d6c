import { LIMITS } from '../contract/index.ts';
import type { Ask, Bucket, Taken } from './port.ts';

/** Part of a token by which the arithmetic of fractions may be off. */
const TOLERANCE = 1e-3;

/*
 * A bucket is one number, the time at which it will be full (GCRA, ITU-T I.371, as "theoretical arrival
 * time"): taking a token moves it by the time that one token needs to come back. A time that is past says
 * the bucket is full, so that a bucket nobody uses is nothing that has to be remembered.
 */

/** Time in which one token comes back. */
export function tokenMs(bucket: Bucket): number {
  return bucket.periodMs / bucket.count;
}

/** Time in which an empty bucket fills. */
export function fillMs(bucket: Bucket): number {
  return bucket.burst * tokenMs(bucket);
}

/** How far from full a bucket is, in ms; a debt that it cannot have counts as empty. */
export function debtMs(bucket: Bucket, fullAt: number, now: number): number {
  return Math.min(Math.max(0, fullAt - now), fillMs(bucket));
}

/** Time until a bucket with this debt has `cost` tokens; 0 where it has them. */
export function waitMs(bucket: Bucket, debt: number, cost: number): number {
  if (cost === 0) return 0;
  if (cost > bucket.burst) return Number.POSITIVE_INFINITY;
  const missing = debt + cost * tokenMs(bucket) - fillMs(bucket);
  return missing > TOLERANCE * tokenMs(bucket) ? missing : 0;
}

/** Describes a bucket; `wait` is what `waitMs` said before anything was taken. */
export function describe(bucket: Bucket, debt: number, wait: number): Taken {
  const left = Math.floor(bucket.burst - debt / tokenMs(bucket) + TOLERANCE);
  return { allowed: wait === 0, remaining: Math.max(0, left), resetMs: debt, retryAfterMs: wait };
}

/** Refuses what no bucket can be. Throws a `RangeError`: it is a mistake in the program. */
export function checkAsk({ key, bucket, cost = 1 }: Ask): void {
  const { count, periodMs, burst } = bucket;
  const whole = Number.isSafeInteger(count) && Number.isSafeInteger(burst) && Number.isSafeInteger(cost);
  if (!whole || count < 1 || burst < 1 || cost < 0 || !Number.isFinite(periodMs) || periodMs <= 0)
    throw new RangeError('A bucket has whole tokens and a period.');
  if (key.length > LIMITS.rateKeyCharsMax.value) throw new RangeError('The key of a bucket is too long.');
}
