import type { Clock } from './clock.ts';
import { LIMITS } from './limits.ts';

/** Finds out that the clock of the world was set: it went further than the steady one did, or less far. */
export class ClockJumps {
  readonly #clock: Clock;
  #offset: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = this.#offsetNow();
  }

  /** By how much it was set since the last look that found something, ms; 0 for less than `clockJumpMsMin`. */
  look(): number {
    const offset = this.#offsetNow();
    const jump = offset - this.#offset;
    if (Math.abs(jump) < LIMITS.clockJumpMsMin.value) return 0;
    this.#offset = offset;
    return jump;
  }

  #offsetNow(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }
}
