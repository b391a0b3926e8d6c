import { CordonError, LIMITS, systemClock, toCordonError, type Clock } from '../contract/index.ts';
import type { BoundSource, EventLog, Lane, SourceTable } from '../events/index.ts';
import type { Evidence, LogLevel } from '../evidence/index.ts';
import type { CronSource } from '../manifest/index.ts';
import type { Store } from '../store/index.ts';
import { planTicks, type PassedOver } from './plan-ticks.ts';
import { RecentTimes } from './recent-times.ts';
import { Schedule } from './schedule.ts';
import { ScheduleState } from './schedule-state.ts';
import { tickEvent } from './tick-event.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface TickerOptions {
  readonly store: Store;
  readonly events: Pick<EventLog, 'prepare'>;
  readonly evidence: Pick<Evidence, 'log'>;
  readonly project: string;
  /** Sources of the deployments that are live now. */
  readonly sources: () => SourceTable;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/**
 * Gives the ticks of every schedule of a project. A schedule begins when it is first seen and ends with the deploy
 * that drops it. There is one timer, which looks at the clock at least once in `scheduleCheckMs`, so that a clock
 * that is set is noticed.
 */
export class Ticker {
  readonly #store: Store;
  readonly #events: Pick<EventLog, 'prepare'>;
  readonly #evidence: Pick<Evidence, 'log'>;
  readonly #project: string;
  readonly #sources: () => SourceTable;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #state: ScheduleState;
  readonly #times = new RecentTimes();
  readonly #schedules = new Map<Lane, Schedule>();
  /** Schedules that are due and wait for one of the places. */
  readonly #waiting: Schedule[] = [];
  readonly #rounds = new Set<Promise<void>>();
  #following: Promise<void> = Promise.resolve();
  /** The store has not been told yet which schedules there are. */
  #isStale = false;
  #isClosed = false;
  #stopTimer: () => void = () => undefined;

  /** Use `Ticker.open`. */
  private constructor(options: TickerOptions) {
    this.#store = options.store;
    this.#events = options.events;
    this.#evidence = options.evidence;
    this.#project = options.project;
    this.#sources = options.sources;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#state = new ScheduleState(options.store, options.project);
  }

  /** Goes on where it was left. Errors: those of the store. */
  static async open(options: TickerOptions): Promise<Ticker> {
    const ticker = new Ticker(options);
    await ticker.#follow();
    ticker.#arm();
    return ticker;
  }

  /** Has to be called when other deployments are live. */
  sourcesChanged(): void {
    this.#following = this.#following.then(() => this.#tryToFollow());
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#following;
    while (this.#rounds.size > 0) await Promise.all(this.#rounds);
  }

  /** Gives no further tick; waits for those that are under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer();
    await this.idle();
  }

  async #tryToFollow(): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#follow();
    } catch (error) {
      // What is known goes on; the timer tries again.
      this.#isStale = true;
      this.#say('error', null, `Schedules cannot be brought up to date: ${toCordonError(error).message}`);
    }
    this.#arm();
  }

  async #follow(): Promise<void> {
    const wanted = new Map(
      this.#sources()
        .crons()
        .map((source) => [source.lane, source]),
    );
    for (const [lane, schedule] of this.#schedules) {
      const source = wanted.get(lane);
      if (source === undefined) this.#schedules.delete(lane);
      else schedule.source = source;
    }
    const kept = await this.#state.all();
    const now = this.#clock.now();
    const begun = [...wanted.keys()].filter((lane) => !kept.has(lane));
    const ended = [...kept.keys()].filter((lane) => !wanted.has(lane));
    await this.#state.replace(begun, ended, now);
    for (const [lane, source] of wanted) {
      if (!this.#schedules.has(lane)) this.#add(source, kept.get(lane) ?? now);
    }
  }

  #add(source: BoundSource<CronSource>, lastAt: number): void {
    try {
      this.#schedules.set(source.lane, new Schedule(source, lastAt, this.#times));
    } catch (error) {
      // It was checked at its deploy, by a Cordon that knew other time zones; the others go on.
      const name = `${source.app}/${source.function}`;
      this.#say('error', null, `A schedule of ${name} cannot be read: ${toCordonError(error).message}`);
    }
  }

  #arm(): void {
    this.#stopTimer();
    if (this.#isClosed || (this.#schedules.size === 0 && !this.#isStale)) return;
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    // Far below the 2^31 ms that a timer can wait for.
    let delay = LIMITS.scheduleCheckMs.value;
    if (this.#isStale) delay = LIMITS.scheduleRetryMs.value;
    for (const { isBusy, retryAt, next } of this.#schedules.values()) {
      if (isBusy || next === null) continue;
      delay = Math.min(delay, Math.max(next - now, (retryAt ?? monotonic) - monotonic));
    }
    this.#stopTimer = this.#timers.after(Math.ceil(Math.max(0, delay)), () => this.#look());
  }

  #look(): void {
    if (this.#isStale) {
      this.#isStale = false;
      this.sourcesChanged();
    }
    const now = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    for (const schedule of this.#schedules.values()) {
      this.#noteClock(schedule, now);
      const { isBusy, retryAt, next } = schedule;
      if (isBusy || next === null || next > now || (retryAt ?? monotonic) > monotonic) continue;
      schedule.isBusy = true;
      this.#waiting.push(schedule);
    }
    this.#fill();
  }

  /** Starts rounds while there are places; looks at the clock again once none waits for a place. */
  #fill(): void {
    while (this.#rounds.size < LIMITS.schedulesAtOnceMax.value) {
      const schedule = this.#waiting.shift();
      if (schedule === undefined) break;
      const round = this.#round(schedule).finally(() => {
        schedule.isBusy = false;
        this.#rounds.delete(round);
        this.#fill();
      });
      this.#rounds.add(round);
    }
    if (this.#waiting.length === 0) this.#arm();
  }

  /** Gives the ticks of one schedule that are due. Never rejects. */
  async #round(schedule: Schedule): Promise<void> {
    if (!this.#isLive(schedule)) return;
    try {
      const { catchUp } = schedule.source.spec;
      const plan = planTicks(schedule.times, catchUp, schedule.lastAt, this.#clock.now());
      if (plan.passedOver !== null) await this.#passOver(schedule, plan.passedOver);
      for (const time of plan.due) {
        if (!this.#isLive(schedule)) return;
        await this.#tick(schedule, time);
      }
      schedule.retryAt = null;
    } catch (error) {
      await this.#failed(schedule, toCordonError(error));
    }
  }

  #isLive(schedule: Schedule): boolean {
    return !this.#isClosed && this.#schedules.get(schedule.source.lane) === schedule;
  }

  /** The event and the note that it was given become durable together or not at all. */
  async #tick(schedule: Schedule, time: number): Promise<void> {
    const { lane } = schedule.source;
    const event = tickEvent(this.#project, schedule.source, time);
    const prepared = await this.#events.prepare([event]).catch((error: unknown) => {
      const refusal = toCordonError(error);
      if (refusal.code === 'CORDON_EVENTS_FULL') return refusal;
      throw error;
    });
    if (prepared instanceof CordonError) {
      const isQuota = prepared.details['of'] === 'quota';
      const reason = isQuota ? 'its quota is used up' : 'too many of its events wait already';
      await this.#leaveOut(schedule, time, reason);
      return;
    }
    const { writes } = prepared;
    let changes: readonly number[];
    try {
      changes = await this.#store.commit([...writes, this.#state.advance(lane, schedule.lastAt, time)]);
    } catch (error) {
      prepared.failed();
      throw error;
    }
    schedule.moveTo(time);
    prepared.committed(changes.slice(0, writes.length));
  }

  async #leaveOut(schedule: Schedule, time: number, reason: string): Promise<void> {
    await this.#store.commit([this.#state.advance(schedule.source.lane, schedule.lastAt, time)]);
    schedule.moveTo(time);
    this.#say('warn', schedule, `gives no tick for ${new Date(time).toISOString()}, as ${reason}.`);
  }

  async #passOver(schedule: Schedule, { until, count, isCounted }: PassedOver): Promise<void> {
    await this.#store.commit([this.#state.advance(schedule.source.lane, schedule.lastAt, until)]);
    schedule.moveTo(until);
    const missed = `${isCounted ? '' : 'at least '}${count} missed ${count === 1 ? 'tick' : 'ticks'}`;
    const at = new Date(until).toISOString();
    this.#say('warn', schedule, `does not make up for ${missed}, the last one of ${at}.`);
  }

  async #failed(schedule: Schedule, error: CordonError): Promise<void> {
    const isFirst = schedule.retryAt === null;
    schedule.retryAt = this.#clock.monotonic() + LIMITS.scheduleRetryMs.value;
    // Ended while its tick was on the way.
    if (!this.#isLive(schedule)) return;
    if (isFirst) this.#say('error', schedule, `could not give a tick and tries again: ${error.message}`);
    // What failed may have become durable all the same, or another has given the tick: the store knows.
    const lastAt = await this.#state.lastAt(schedule.source.lane).catch(() => schedule.lastAt);
    if (lastAt !== null) {
      schedule.moveTo(lastAt);
      return;
    }
    this.#schedules.delete(schedule.source.lane);
    this.sourcesChanged();
  }

  /** Ticks are given once, so that a clock that was set back has to come to the last one first. */
  #noteClock(schedule: Schedule, now: number): void {
    const isAhead = schedule.lastAt - now > LIMITS.scheduleLateMs.value;
    if (isAhead && !schedule.isAhead) {
      const at = new Date(schedule.lastAt).toISOString();
      this.#say(
        'warn',
        schedule,
        `gives no tick until ${at}, where it was before the clock was set back; deploy without it and again with it to let it begin anew.`,
      );
    }
    schedule.isAhead = isAhead;
  }

  #say(level: LogLevel, schedule: Schedule | null, message: string): void {
    this.#evidence.log({
      level,
      source: 'platform',
      app: schedule?.source.app ?? '',
      function: schedule?.source.function ?? '',
      deployment: '',
      instance: null,
      request: null,
      message: schedule === null ? message : `${schedule.name} ${message}`,
    });
  }
}
