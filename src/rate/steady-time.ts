import type { Clock } from '../contract/index.ts';

/** Monotonic milliseconds from 1 on, whatever the clock does: where it goes back, time stands still. */
export class SteadyTime {
  readonly #clock: Clock;
  #last: number;
  #elapsed = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.monotonic();
  }

  now(): number {
    const reading = this.#clock.monotonic();
    if (reading > this.#last) this.#elapsed += reading - this.#last;
    this.#last = reading;
    return this.#elapsed;
  }
}
