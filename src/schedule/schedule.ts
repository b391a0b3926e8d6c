import type { BoundSource } from '../events/index.ts';
import type { CronSource, CronTimes } from '../manifest/index.ts';
import type { RecentTimes } from './recent-times.ts';

/** One schedule of a deployment that is live, and how far it was kept. */
export class Schedule {
  /** The source as the live deployment has it; another of the same lane may catch up otherwise. */
  source: BoundSource<CronSource>;
  /** A round of it is waiting or under way. */
  isBusy = false;
  /** Not before this, after a failure; in ms of the monotonic clock. Null: nothing failed. */
  retryAt: number | null = null;
  /** It was said that the clock stands before the last tick. */
  isAhead = false;
  readonly #recent: RecentTimes;
  #lastAt: number;
  #next: number | null;

  constructor(source: BoundSource<CronSource>, lastAt: number, recent: RecentTimes) {
    this.source = source;
    this.#recent = recent;
    this.#lastAt = lastAt;
    this.#next = this.times.next(lastAt);
  }

  get times(): CronTimes {
    return this.#recent.of(this.source.spec);
  }

  /** Time of the last tick that was kept or passed over, ms since the epoch. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** The first tick that was not kept; null: there is none any more. */
  get next(): number | null {
    return this.#next;
  }

  moveTo(lastAt: number): void {
    this.#lastAt = lastAt;
    this.#next = this.times.next(lastAt);
  }

  /** How it is called in a log. */
  get name(): string {
    const { expression, timezone } = this.source.spec;
    return `The schedule "${expression}" (${timezone})`;
  }
}
