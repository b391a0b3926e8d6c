import type { Clock } from '../contract/index.ts';

export interface ManualClock extends Clock {
  /** Lets time pass. */
  move(ms: number): void;
  /** Sets the wall clock alone. */
  jump(ms: number): void;
}

/** A clock that stands still. */
export function manualClock(start = 1_750_000_000_000): ManualClock {
  let now = start;
  let monotonic = 1000;
  return {
    now: () => now,
    monotonic: () => monotonic,
    move(ms) {
      now += ms;
      monotonic += ms;
    },
    jump(ms) {
      now += ms;
    },
  };
}
