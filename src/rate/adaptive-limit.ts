import { Generations } from './generations.ts';

/** Who goes first when not all can: callers who are known and within their rates, or everyone else. */
export type Priority = 'known' | 'unknown';

/** A request that was let in. */
export interface Entry {
  /** Requests in flight, this one included. */
  readonly inFlight: number;
  readonly generation: number;
  readonly at: number;
  readonly priority: Priority;
}

/** How many times as long as alone a request may take while load is shed. */
const SLOWDOWN = 1.5;
/** Rounds up, so that there is always one who waits. */
const SLACK = 0.75;
/** The limit is never lower, though a measurement lets in half of it. */
export const FLOOR = 2;
/** Shedding ends with the first window that refused no greater part of the requests, or used so little of the limit. */
const REFUSED_PART_MAX = 1 / 4;
const IDLE_PART = 1 / 4;
/** What stands for a whole window above so many times what is served at once, and so many more, is a standing queue. */
const STANDING_FACTOR = 4;
const STANDING_EXTRA = 8;
/** A queue that is worked off in this time is none to refuse anyone for. */
const QUEUE_MS = 100;
/** A queue that has not stood for so long is that of a burst, or of a machine that was busy with something else. */
const STANDING_MS = 200;
/** A queue that does not grow by this factor is that of callers who wait for an answer before they ask again. */
const GROWTH = 1.25;
/** In a queue, no greater part of what is completed is done within so many service times. */
const QUICK_PART_MAX = 1 / 4;
const QUICK_SERVICES = 2;
/** For so long after it got another instance, a function may have more to do than it can. */
const GROWING_MS = 500;
/** A window is so many service times, within bounds. One in which nothing is completed goes on for up to a second. */
const WINDOW_SERVICES = 5;
const WINDOW_MS_MIN = 50;
const WINDOW_MS_MAX = 2000;
const SILENT_WINDOW_MS = 1000;
/** What is in flight for longer than a generation, or two, waits for something else than the function's own capacity. */
const GENERATION_MS = 500;
const GENERATION_SERVICES = 8;
/** While load is shed, the service time is measured so often, from so many requests. */
const PROBE_PAUSE_MS = 1000;
const PROBE_PAUSE_SERVICES = 20;
const PROBE_SAMPLES = 16;
/** A service time that has grown by this factor although few are in flight is not a queue. */
const SLOWER = 2;
/** So many that outlive their generation, and are no fewer than the others, say the same. */
const OUTLIVED = 3;
/** A request tells the service time where no more are in flight than this part of what usually is. */
const NEARLY_IDLE = 0.5;
/** Weight of one more sample in the service time. */
const SAMPLE_WEIGHT = 1 / 64;
const PROBE_WEIGHT = 0.5;
/** Weight of one more window in the throughput while load is shed. */
const FASTER_WEIGHT = 0.7;
const SLOWER_WEIGHT = 0.4;
/** Places that are kept for callers who are known, for each that they need. */
const RESERVE = 2;
/** Callers who are known may wait in what is left of a queue of others, up to this part of it. */
const OTHERS_PART = 3 / 4;
/** Up to this part of the capacity, callers who are known get more than their place. */
const KNOWN_PART_MAX = 0.9;

/** A measurement of the service time with few in flight. */
interface Probe {
  readonly level: number;
  /** True once no more than `level` are in flight; from then on it counts. */
  settled: boolean;
  /** Requests in flight, summed up over time. */
  area: number;
  completed: number;
  /** Requests that took more than a generation, and their time. */
  outlived: number;
  outlivedMs: number;
}

/**
 * How many requests of one function may be in flight. Nothing is refused until a queue stands and grows: for
 * a whole window there were never fewer in flight than several times what the function serves at once (as
 * CoDel, RFC 8289, looks at the least delay of an interval, so that bursts pass). What it serves at once is its
 * throughput times its service time (Little's law). While a queue stands, the limit is `SLOWDOWN` times that,
 * which keeps every instance busy and the wait short; it ends with the first window that refuses few.
 * The service time is learnt from requests that found the function nearly idle and, while load is shed, from
 * moments in which only half as many are let in; where it turns out that the function has become slow rather
 * than busy, shedding ends. Requests that take much longer than is usual, such as long polls, are not counted
 * once they do: they hold nothing that others wait for. All times are milliseconds of one monotonic clock.
 */
export class AdaptiveLimit {
  readonly #open = new Generations();
  #generationStart: number;
  /** Mean time in an instance of requests that had it nearly to themselves; null before the first. */
  #serviceMs: number | null = null;
  #samples = 0;
  /** Requests that ended per millisecond. */
  #throughput = 0;
  /** The limit; null while no queue stands. */
  #limit: number | null = null;
  /** When it began to be shed. */
  #shedSince = 0;
  /** Mean number in flight in the window before. */
  #usual = 0;
  #at: number;
  // This window:
  #start: number;
  #area = 0;
  #inFlightBefore = 0;
  /** How many were in flight when the queue began to stand; null while none stands. */
  #stoodAt: number | null = null;
  #stoodSince = 0;
  #leastInFlight = 0;
  #completed = 0;
  #quick = 0;
  #refused = 0;
  #known = 0;
  #knownInFlight = 0;
  /** Callers who are known that came in the window before, as requests that are served at once. */
  #reserved = 0;
  /** The measurement that goes on; null for none. */
  #probe: Probe | null = null;
  /** True where this window says nothing of the throughput: too much was in flight, or it was measured. */
  #disturbed = false;
  #probedAt = Number.NEGATIVE_INFINITY;
  #grownAt = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#start = now;
    this.#at = now;
    this.#generationStart = now;
  }

  /** All of them. */
  get inFlight(): number {
    return this.#open.all;
  }

  /** The limit; null while there is none. */
  get limit(): number | null {
    return this.#limit;
  }

  /** Lets a request in, which is to be given back with `leave`, or refuses it with null. */
  enter(priority: Priority, now: number): Entry | null {
    this.#tick(now);
    if (priority === 'known') this.#known += 1;
    if (this.#inFlight >= this.#limitFor(priority) && !this.#hasOwnPlace(priority)) {
      this.#refused += 1;
      return null;
    }
    if (priority === 'known') this.#knownInFlight += 1;
    const generation = this.#open.add();
    return { inFlight: this.#inFlight, generation, at: now, priority };
  }

  /** `serviceMs` is the time in an instance, without the wait for it; null where it says nothing. */
  leave(entry: Entry, serviceMs: number | null, now: number): void {
    // Before the count goes down: what stood until now stood for the whole window.
    this.#tick(now);
    if (entry.priority === 'known') this.#knownInFlight -= 1;
    if (!this.#open.remove(entry.generation)) {
      if (this.#probe !== null && serviceMs !== null && entry.at >= this.#shedSince)
        this.#outlived(this.#probe, serviceMs, now);
      return;
    }
    this.#leastInFlight = Math.min(this.#leastInFlight, this.#inFlight);
    this.#completed += 1;
    if (now - entry.at < QUICK_SERVICES * (this.#serviceMs ?? 0)) this.#quick += 1;
    if (this.#probe !== null) this.#measure(this.#probe, now);
    else if (
      serviceMs !== null &&
      this.#limit === null &&
      entry.inFlight <= Math.max(2, NEARLY_IDLE * this.#usual)
    )
      this.#learn(serviceMs);
  }

  /** The function got another instance, and may get more. */
  grew(now: number): void {
    this.#grownAt = now;
  }

  /** Share of the requests of this window that were refused, from 0 to 1. */
  get refusedShare(): number {
    const asked = this.#refused + this.#completed;
    return asked === 0 ? 0 : this.#refused / asked;
  }

  /** Requests that others may have to wait for. */
  get #inFlight(): number {
    return this.#open.recent;
  }

  /** Callers who are known get places of their own on top, which leaves that much less to the others. */
  #limitFor(priority: Priority): number {
    if (this.#limit === null) return Number.POSITIVE_INFINITY;
    if (priority === 'unknown') return this.#probe?.level ?? this.#limit;
    if (this.#reserved >= KNOWN_PART_MAX * this.#served) return this.#limit;
    return this.#limit + Math.min(this.#limit, Math.ceil(RESERVE * this.#reserved));
  }

  /**
   * Callers who are known wait in what others have queued before load was shed, and in a queue of their own that
   * is soon worked off, as when many of their requests arrive at once.
   */
  #hasOwnPlace(priority: Priority): boolean {
    if (priority !== 'known' || this.#limit === null) return false;
    const burst = this.#throughput * QUEUE_MS;
    return this.#knownInFlight < Math.max(this.#limit, burst, OTHERS_PART * this.#open.all);
  }

  #learn(serviceMs: number): void {
    this.#samples += 1;
    const weight = Math.max(1 / this.#samples, SAMPLE_WEIGHT);
    this.#serviceMs = (this.#serviceMs ?? 0) * (1 - weight) + serviceMs * weight;
  }

  #tick(now: number): void {
    const elapsed = now - this.#at;
    this.#area += this.#inFlight * elapsed;
    if (this.#probe?.settled === true) this.#probe.area += this.#inFlight * elapsed;
    this.#at = now;
    const serviceMs = this.#serviceMs;
    if (serviceMs === null) return;
    // Those of a queue that stands are old because they wait.
    const ages = this.#limit !== null || this.#stoodAt === null;
    if (ages && now - this.#generationStart >= Math.max(GENERATION_MS, GENERATION_SERVICES * serviceMs))
      this.#age(now);
    const window = now - this.#start;
    const enough = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, WINDOW_SERVICES * serviceMs));
    if (window < enough) return;
    if (this.#limit === null && this.#completed === 0 && window < SILENT_WINDOW_MS) return;
    this.#reserved = (this.#known / window) * serviceMs;
    const mean = this.#area / window;
    this.#judge(this.#completed / window, mean, serviceMs, now);
    this.#start = now;
    this.#disturbed = this.#probe !== null || (this.#limit !== null && this.#inFlight > this.#limit);
    this.#usual = Math.min(mean, 2 * this.#served);
    this.#area = 0;
    this.#inFlightBefore = this.#inFlight;
    this.#leastInFlight = this.#inFlight;
    this.#completed = 0;
    this.#quick = 0;
    this.#refused = 0;
    this.#known = 0;
  }

  #age(now: number): void {
    this.#open.age();
    this.#leastInFlight = Math.min(this.#leastInFlight, this.#inFlight);
    this.#generationStart = now;
  }

  #judge(throughput: number, mean: number, serviceMs: number, now: number): void {
    if (this.#limit === null) {
      const served = throughput * serviceMs;
      const stands =
        this.#leastInFlight > STANDING_FACTOR * served + STANDING_EXTRA &&
        this.#leastInFlight >= throughput * QUEUE_MS &&
        this.#quick <= QUICK_PART_MAX * this.#completed;
      if (!stands) this.#stoodAt = null;
      else if (this.#stoodAt === null) {
        this.#stoodAt = this.#inFlightBefore;
        this.#stoodSince = this.#start;
      }
      const sheds =
        this.#stoodAt !== null &&
        now - this.#stoodSince >= STANDING_MS &&
        this.#inFlight >= GROWTH * this.#stoodAt &&
        now - this.#grownAt >= GROWING_MS;
      // Where many share one processor and more come, nothing is completed for a while.
      this.#throughput = sheds ? Math.max(this.#throughput, throughput) : throughput;
      if (sheds) this.#shed(now, serviceMs);
    } else if (this.refusedShare <= REFUSED_PART_MAX || mean < IDLE_PART * this.#limit) this.#relax();
    else if (!this.#disturbed) {
      const weight = throughput > this.#throughput ? FASTER_WEIGHT : SLOWER_WEIGHT;
      this.#throughput += weight * (throughput - this.#throughput);
      this.#shed(now, serviceMs);
    }
  }

  /** Requests that are really served at once. */
  get #served(): number {
    return this.#throughput * (this.#serviceMs ?? 0);
  }

  #limitNow(): number {
    return Math.max(FLOOR, Math.floor(SLOWDOWN * this.#served + SLACK));
  }

  #shed(now: number, serviceMs: number): void {
    if (this.#limit === null) this.#shedSince = now;
    this.#limit = this.#limitNow();
    const pause = Math.max(PROBE_PAUSE_MS, PROBE_PAUSE_SERVICES * serviceMs);
    if (this.#inFlight <= this.#limit && now - this.#probedAt >= pause)
      this.#probe = {
        level: Math.ceil(this.#limit / 2),
        settled: false,
        area: 0,
        completed: 0,
        outlived: 0,
        outlivedMs: 0,
      };
  }

  #relax(): void {
    this.#stoodAt = null;
    this.#limit = null;
    this.#probe = null;
  }

  /** One request of a measurement has ended. What is in flight is throughput times service time. */
  #measure(probe: Probe, now: number): void {
    if (probe.settled) probe.completed += 1;
    else probe.settled = this.#inFlight <= probe.level;
    if (probe.completed < Math.max(PROBE_SAMPLES, 2 * probe.level)) return;
    const mean = probe.area / probe.completed;
    const before = this.#serviceMs ?? mean;
    this.#samples += probe.completed;
    const weight = Math.max(probe.completed / this.#samples, PROBE_WEIGHT);
    this.#serviceMs = before + weight * (mean - before);
    this.#probe = null;
    this.#probedAt = now;
    if (mean > SLOWER * before) this.#relax();
    else this.#limit = this.#limitNow();
  }

  #outlived(probe: Probe, serviceMs: number, now: number): void {
    probe.outlived += 1;
    probe.outlivedMs += serviceMs;
    if (probe.outlived < OUTLIVED || probe.outlived < probe.completed) return;
    const mean = probe.outlivedMs / probe.outlived;
    if (mean <= SLOWER * (this.#serviceMs ?? 0)) return;
    this.#serviceMs = mean;
    this.#probedAt = now;
    this.#relax();
  }
}
