import type { AdaptiveLimit, Entry, Priority } from './adaptive-limit.ts';

/** Uniform numbers from 0 to below 1 that are the same in each run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A function as a queue: `queue` gives each request a server of its own, `sharing` divides all among all. */
export interface SimulatedFunction {
  readonly discipline: 'queue' | 'sharing';
  /** Requests that are served at once without slowing each other down. */
  readonly servers: number;
  /** Time that a request takes alone, by the time at which it came. */
  service(at: number, random: () => number): number;
}

/** Requests of one kind. */
export interface Traffic {
  readonly priority: Priority;
  /** Requests per second at a time. */
  rate(at: number): number;
}

export interface Result {
  readonly at: number;
  readonly priority: Priority;
  /** Null where it was refused. */
  readonly ms: number | null;
}

interface Job {
  readonly at: number;
  readonly priority: Priority;
  readonly entry: Entry | null;
  /** Work that is left, in ms alone. */
  left: number;
  /** When it began to be served. */
  begunAt: number | null;
}

/** Runs a function under a limit, event by event; without a limit where it is null. */
export class Simulation {
  readonly results: Result[] = [];
  readonly #function: SimulatedFunction;
  readonly #limit: AdaptiveLimit | null;
  readonly #random: () => number;
  readonly #jobs: Job[] = [];
  #now = 0;

  constructor(simulated: SimulatedFunction, limit: AdaptiveLimit | null, seed: number) {
    this.#function = simulated;
    this.#limit = limit;
    this.#random = seeded(seed);
  }

  run(traffic: readonly Traffic[], untilMs: number): void {
    const next = traffic.map((kind) => this.#gap(kind));
    for (;;) {
      const arrival = Math.min(...next);
      const departure = this.#nextDeparture();
      const at = Math.min(arrival, departure);
      if (at >= untilMs) return;
      this.#work(at);
      if (departure <= arrival) this.#depart();
      else {
        const index = next.indexOf(arrival);
        const kind = traffic[index];
        if (kind === undefined) return;
        this.#arrive(kind.priority);
        next[index] = this.#now + this.#gap(kind);
      }
    }
  }

  /** Time to the next arrival of a Poisson process; a pause is looked at again after a while. */
  #gap(kind: Traffic): number {
    const rate = kind.rate(this.#now);
    return rate === 0 ? 1e9 : (-Math.log(1 - this.#random()) * 1000) / rate;
  }

  #arrive(priority: Priority): void {
    const left = this.#function.service(this.#now, this.#random);
    const entry = this.#limit?.enter(priority, this.#now) ?? null;
    if (entry === null && this.#limit !== null) {
      this.results.push({ at: this.#now, priority, ms: null });
      return;
    }
    this.#jobs.push({ at: this.#now, priority, entry, left, begunAt: null });
    this.#begin();
  }

  #depart(): void {
    const index = this.#jobs.findIndex(({ left, begunAt }) => begunAt !== null && left <= 1e-9);
    const [job] = this.#jobs.splice(index, 1);
    if (job === undefined || job.begunAt === null) throw new Error('Nothing departs.');
    if (job.entry !== null) this.#limit?.leave(job.entry, this.#now - job.begunAt, this.#now);
    this.results.push({ at: job.at, priority: job.priority, ms: this.#now - job.at });
    this.#begin();
  }

  #begin(): void {
    const served = this.#function.discipline === 'queue' ? this.#function.servers : Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#jobs.length && i < served; i++) {
      const job = this.#jobs[i];
      if (job !== undefined) job.begunAt ??= this.#now;
    }
  }

  #speed(): number {
    if (this.#function.discipline === 'queue') return 1;
    return Math.min(1, this.#function.servers / this.#jobs.length);
  }

  #nextDeparture(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { left, begunAt } of this.#jobs) if (begunAt !== null) least = Math.min(least, left);
    return this.#now + least / this.#speed();
  }

  #work(at: number): void {
    const done = (at - this.#now) * this.#speed();
    for (const job of this.#jobs) if (job.begunAt !== null) job.left -= done;
    this.#now = at;
  }
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
