import { CordonError } from '../contract/index.ts';

/** So many at work at one time, and so many more that wait for a place, each in its turn. */
export class Places {
  readonly #most: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(most: number, waitingMax: number) {
    this.#most = most;
    this.#waitingMax = waitingMax;
  }

  /** Works once there is a place. Errors: CORDON_OVERLOADED where too many wait for one, and those of the work. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken < this.#most) this.#taken += 1;
    else await this.#turn();
    try {
      return await work();
    } finally {
      // The place goes on to the next, or is free.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new CordonError('CORDON_OVERLOADED');
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
