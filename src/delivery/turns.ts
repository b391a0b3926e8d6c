import { LIMITS, toCordonError } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import type { ClaimedEvent, EventLog, Settled } from '../events/index.ts';
import { plainText } from '../evidence/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { eventPlacesMax } from '../pool/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import type { Backlog, FunctionShare, Moment, Turn, WaitingLane } from './backlog.ts';
import { takesLane } from './lane-consumer.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import { giveBack, isPlatformFault, settle, spent } from './outcome.ts';
import type { RunResult } from './outcome.ts';
import type { DeploymentDirectory, ServedFunction, Timers } from './port.ts';
import { Run } from './run.ts';
import { Settler } from './settler.ts';
import { dataBytes, splitIntoRuns } from './split.ts';
import { Suspects } from './suspects.ts';

const PAUSE_MS = LIMITS.eventPauseMs.value;
const SLACK_MS = LIMITS.eventLeaseSlackMs.value;
/** Part of the slack after which a run is given up, so that the rest is left for keeping how it ended. */
const RUN_SLACK_MS = SLACK_MS / 2;
/** Events that are run one by one are bounded by their number. */
const BYTES_UNBOUNDED = LIMITS.eventsClaimedMax.value * LIMITS.eventBytesMax.value;

export interface TurnsOptions {
  readonly events: EventLog;
  readonly dispatcher: Dispatcher;
  readonly directory: DeploymentDirectory;
  readonly evidence: Evidence;
  readonly project: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly backlog: Backlog;
  /** Called when there may be another turn. */
  readonly changed: () => void;
}

/** Carries out turns: claims events of a lane, runs its function with them and keeps how they ended. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #backlog: Backlog;
  readonly #settler: Settler;
  readonly #runs = new Set<Run>();
  readonly #suspects = new Suspects(LIMITS.eventSuspectsMax.value);
  /** Claims, and runs until they are settled. */
  readonly #pending = new Set<Promise<void>>();
  #stopped = false;
  #closed = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#backlog = options.backlog;
    this.#settler = new Settler(options.events, options.timers, (thrown, count) =>
      this.#log(`The outcome of ${count} events could not be kept: they come again.`, thrown),
    );
  }

  /** Carries out a turn. What goes wrong is logged, and tried again after a pause. */
  take(turn: Turn): void {
    const { waiting, consumer } = turn;
    const served = this.#find(consumer, Number.POSITIVE_INFINITY);
    if (served === null) this.#backlog.strand(waiting);
    else this.#track(this.#take(turn, served.fn.spec.limits.timeMs + SLACK_MS));
  }

  /** Runs nothing more: what is claimed from now on is given back. */
  stop(): void {
    this.#stopped = true;
  }

  /** Ends what runs. */
  abandon(): void {
    for (const run of this.#runs) run.abandon('CORDON_DRAINING');
  }

  /** Keeps nothing more. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when all that was taken is settled. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #take(turn: Turn, leaseMs: number): Promise<void> {
    const { waiting, consumer, share, events: limit } = turn;
    const { handler, ordered, lane } = consumer;
    const bytesMax = handler === 'queue' ? LIMITS.queueBatchBytesMax.value : BYTES_UNBOUNDED;
    waiting.isClaiming = true;
    waiting.dueAt = Number.POSITIVE_INFINITY;
    waiting.fillBy = null;
    share.window.used(this.#moment().steady);
    let due: number | null = null;
    try {
      const claimed = await this.#claim(turn, { limit, bytesMax, leaseMs, ordered });
      this.#start(claimed, turn, leaseMs);
      const bytes = claimed.reduce((sum, event) => sum + dataBytes(event), 0);
      const isMore = claimed.length >= limit || bytes >= bytesMax;
      due = isMore ? this.#options.clock.now() : await this.#nextDue(lane);
    } catch (thrown) {
      due = this.#options.clock.now() + PAUSE_MS;
      this.#log(`The events of the lane ${lane} could not be taken.`, thrown);
    }
    waiting.isClaiming = false;
    if (due !== null || waiting.dueAt < Number.POSITIVE_INFINITY)
      this.#backlog.touch(lane, due ?? waiting.dueAt, this.#moment());
    this.#rest(waiting, share);
    this.#options.changed();
  }

  /** Keeps room for what is on its way, until its runs take it. */
  async #claim(
    { waiting, consumer, share, events, runs }: Turn,
    options: Parameters<EventLog['claim']>[2],
  ): Promise<readonly ClaimedEvent[]> {
    this.#count(waiting, share, events);
    share.runs += runs;
    try {
      return await this.#options.events.claim(this.#options.project, consumer.lane, options);
    } finally {
      this.#count(waiting, share, -events);
      share.runs -= runs;
    }
  }

  /** When a lane is to be looked at again that gave all that it had; null: nothing waits in it. */
  async #nextDue(lane: string): Promise<number | null> {
    const due = await this.#options.events.nextDue(this.#options.project, lane);
    const now = this.#options.clock.now();
    // What is due and was not given waits for another of its order, which will end, or its lease.
    return due === null || due > now ? due : now + PAUSE_MS;
  }

  /** Makes runs of what was claimed, and gives back what there is no room for. */
  #start(taken: readonly ClaimedEvent[], turn: Turn, leaseMs: number): void {
    const { waiting, share, consumer } = turn;
    const isSpent = ({ attempt }: ClaimedEvent): boolean => attempt > consumer.attempts.attempts;
    this.#settle(taken.filter(isSpent).map(spent), turn);
    const claimed = taken.filter((event) => !isSpent(event));
    if (claimed.length === 0) return;
    const isCareful = (event: ClaimedEvent): boolean => event.attempt > 1 || this.#suspects.has(event);
    waiting.isCareful = claimed.some(isCareful);
    const served = this.#stillServed(claimed, turn, leaseMs - SLACK_MS);
    if (served === null) {
      this.#return(claimed, turn, PAUSE_MS);
      return;
    }
    share.window.max = eventPlacesMax(served.fn);
    const runs = splitIntoRuns(claimed, consumer.batch, isCareful);
    for (const events of runs.slice(0, turn.runs)) this.#run(events, turn, served, leaseMs);
    this.#return(runs.slice(turn.runs).flat(), turn, 0);
  }

  /** Whoever is served once the events are there, as that may have changed; null: not whom they were taken for. */
  #stillServed(
    claimed: readonly ClaimedEvent[],
    { waiting, consumer }: Turn,
    timeMsMax: number,
  ): ServedFunction | null {
    const now = waiting.consumer;
    if (this.#stopped || now?.app !== consumer.app || now.function !== consumer.function) return null;
    if (claimed.every(({ lane }) => lane === consumer.lane)) return this.#find(consumer, timeMsMax);
    this.#mismatch(consumer);
    return null;
  }

  /** Whoever has the next run of a lane and takes no longer than its lease; null: nobody. */
  #find(consumer: LaneConsumer, timeMsMax: number): ServedFunction | null {
    const { app, function: name } = consumer;
    const takes = (found: ServedFunction): boolean =>
      takesLane(consumer, found) && found.fn.spec.limits.timeMs <= timeMsMax;
    const served = this.#options.directory.find(app, name, takes);
    if (served === null || takes(served)) return served;
    this.#mismatch(consumer);
    return null;
  }

  #run(events: readonly ClaimedEvent[], turn: Turn, served: ServedFunction, leaseMs: number): void {
    const { waiting, consumer, share } = turn;
    const { dispatcher, timers, random } = this.#options;
    this.#count(waiting, share, events.length);
    share.runs += 1;
    const timeMs = leaseMs - SLACK_MS + RUN_SLACK_MS;
    const isOnly = consumer.attempts.attempts === 1;
    const alone = events.some((event) =>
      this.#suspects.has(event) ? this.#suspects.isAlone(event) : isOnly,
    );
    const run = new Run(dispatcher, timers, served, consumer, events, { timeMs, alone });
    this.#runs.add(run);
    this.#track(
      run.result.then((result) => {
        this.#runs.delete(run);
        this.#ended(share, result);
        const isOpen = this.#suspects.judge(events, result, alone);
        const settled = isOpen
          ? events.map((event) => giveBack(event, 'CORDON_FUNCTION_CRASHED', PAUSE_MS))
          : settle(events, result, consumer.attempts, random);
        for (const { event, outcome } of settled) if (outcome.kind !== 'retry') this.#suspects.forget(event);
        return this.#keep(settled, turn);
      }),
    );
  }

  /** A run gave its place back: the window follows from how it went. */
  #ended(share: FunctionShare, result: RunResult): void {
    const { now, steady } = this.#moment();
    share.runs -= 1;
    if (isPlatformFault(result)) {
      share.window.shrink(steady);
      this.#backlog.pause(share, now + PAUSE_MS);
    } else if (this.#backlog.hasMore(share, now)) share.window.grow();
    this.#options.changed();
  }

  /** Gives events back that were not tried. */
  #return(events: readonly ClaimedEvent[], turn: Turn, afterMs: number): void {
    const code = this.#stopped ? 'CORDON_DRAINING' : 'CORDON_OVERLOADED';
    this.#settle(
      events.map((event) => giveBack(event, code, afterMs)),
      turn,
    );
  }

  /** Keeps how events ended that were not run. */
  #settle(settled: readonly Settled[], turn: Turn): void {
    if (settled.length === 0) return;
    this.#count(turn.waiting, turn.share, settled.length);
    this.#track(this.#keep(settled, turn));
  }

  async #keep(settled: readonly Settled[], { waiting, share, consumer }: Turn): Promise<void> {
    if (this.#closed) return;
    await this.#settler.settle(settled);
    this.#count(waiting, share, -settled.length);
    const moment = this.#moment();
    // The end of one event of an order is what the next one waited for.
    let dueAt = consumer.ordered ? moment.now : Number.POSITIVE_INFINITY;
    for (const { outcome } of settled)
      if (outcome.kind === 'retry') dueAt = Math.min(dueAt, moment.now + outcome.afterMs);
    if (dueAt < Number.POSITIVE_INFINITY) this.#backlog.touch(consumer.lane, dueAt, moment);
    this.#rest(waiting, share);
    this.#options.changed();
  }

  /** Lets go of a lane of which nothing is known to wait, and of the window of a function that has nothing to do. */
  #rest(waiting: WaitingLane, share: FunctionShare): void {
    if (waiting.dueAt === Number.POSITIVE_INFINITY && !waiting.isClaiming) this.#backlog.rest(waiting);
    if (share.runs === 0 && share.lanes.size === 0) share.window.rest(this.#moment().steady);
  }

  #count(waiting: WaitingLane, share: FunctionShare, events: number): void {
    waiting.inFlight += events;
    share.inFlight += events;
    this.#backlog.inFlight += events;
  }

  #track(work: Promise<void>): void {
    const tracked: Promise<void> = work
      .catch((thrown: unknown) => this.#log('Events could not be delivered.', thrown))
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  /** An event was about to reach a function that it is not for. */
  #mismatch({ app, function: name, lane, handler }: LaneConsumer): void {
    this.#options.evidence.record({
      kind: 'platform.degraded',
      severity: 'high',
      app,
      function: name,
      instance: null,
      request: null,
      reason: 'event-for-another-function',
      detail: { lane, handler },
    });
  }

  #log(what: string, thrown: unknown): void {
    const { code, message } = toCordonError(thrown);
    this.#options.evidence.log({
      level: 'error',
      source: 'platform',
      app: '',
      function: '',
      deployment: '',
      instance: null,
      request: null,
      message: plainText(`${what} ${code}: ${message}`, LIMITS.logLineBytesMax.value),
    });
  }

  #moment(): Moment {
    const { clock } = this.#options;
    return { now: clock.now(), steady: clock.monotonic() };
  }
}
