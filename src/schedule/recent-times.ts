import { LIMITS } from '../contract/index.ts';
import { CronTimes, type CronSource } from '../manifest/index.ts';

/** The parsed expressions that were used last: a schedule that rests for a day costs no memory for its own. */
export class RecentTimes {
  readonly #kept = new Map<string, CronTimes>();

  of({ expression, timezone }: CronSource): CronTimes {
    const key = `${expression} ${timezone}`;
    const times = this.#kept.get(key) ?? new CronTimes(expression, timezone);
    this.#kept.delete(key);
    this.#kept.set(key, times);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > LIMITS.cronTimesKept.value && oldest !== undefined) this.#kept.delete(oldest);
    return times;
  }

  get size(): number {
    return this.#kept.size;
  }
}
