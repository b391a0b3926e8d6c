import type { Clock } from '../contract/index.ts';

/** A clock that a test sets. */
export class TestClock implements Clock {
  ms = 1000;

  now(): number {
    return this.ms;
  }

  monotonic(): number {
    return this.ms;
  }
}
