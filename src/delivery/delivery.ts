import { ClockJumps, LIMITS, systemClock } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import type { EventLog, Lane, SourceTable } from '../events/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import { Backlog } from './backlog.ts';
import type { Moment } from './backlog.ts';
import { consumerOf, takesLane } from './lane-consumer.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import type { DeliveryStatus, DeploymentDirectory, ServedFunction, Timers } from './port.ts';
import { statusOf } from './status.ts';
import { systemTimers } from './timers.ts';
import { Turns } from './turns.ts';

export interface DeliveryOptions {
  readonly events: EventLog;
  readonly dispatcher: Dispatcher;
  readonly directory: DeploymentDirectory;
  /** Of the deployments that are live now. */
  readonly sources: () => SourceTable;
  readonly evidence: Evidence;
  readonly project: string;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** Gives numbers from 0 up to 1. Default `Math.random`: it spreads retries and decides on nothing else. */
  readonly random?: () => number;
}

/** Takes events of one project out of the log and runs functions with them. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #backlog: Backlog;
  readonly #turns: Turns;
  readonly #unsubscribe: () => void;
  readonly #jumps: ClockJumps;
  #timer: { readonly at: number; cancel(): void } | null = null;
  #isPumping = false;
  #draining = false;

  private constructor(options: DeliveryOptions) {
    const { events, dispatcher, directory, evidence, project, sources } = options;
    const { clock = systemClock, timers = systemTimers, random = Math.random } = options;
    const backlog = new Backlog((lane) => consumerOf(lane, sources()));
    const changed = (): void => this.#pump();
    const running = { dispatcher, directory, evidence, clock, timers, random, backlog, changed };
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#jumps = new ClockJumps(clock);
    this.#timers = timers;
    this.#backlog = backlog;
    this.#turns = new Turns({ events, project, ...running });
    this.#unsubscribe = events.onAccepted((owner, lane) => {
      if (owner === project) this.#wakeLane(lane);
    });
  }

  /** Starts with what waits in the log. */
  static open(options: DeliveryOptions): Delivery {
    const delivery = new Delivery(options);
    for (const { project, lane, waiting } of options.events.lanes())
      if (project === options.project && waiting > 0) delivery.#wakeLane(lane);
    return delivery;
  }

  /** Has to be called after each change of what is served. */
  sourcesChanged(): void {
    this.#backlog.reassign(this.#moment());
    this.#pump();
  }

  status(): Promise<DeliveryStatus> {
    const { directory, project, sources } = this.#options;
    const consumers = (lane: Lane): LaneConsumer | null => {
      const consumer = consumerOf(lane, sources());
      if (consumer === null) return null;
      const takes = (served: ServedFunction): boolean => takesLane(consumer, served);
      return directory.find(consumer.app, consumer.function, takes) === null ? null : consumer;
    };
    return statusOf(this.#events, project, this.#backlog, consumers, this.#moment(), this.#draining);
  }

  /** Takes nothing more, lets what runs end within `drainTimeoutMs`, and gives the rest back. Never rejects. */
  async drain(): Promise<void> {
    this.#stop();
    let timedOut: () => void = () => undefined;
    const timeout = new Promise<void>((resolve) => {
      timedOut = resolve;
    });
    const cancel = this.#timers.after(LIMITS.drainTimeoutMs.value, () => timedOut());
    await Promise.race([this.#turns.idle(), timeout]);
    cancel();
    this.#turns.abandon();
    await this.#turns.idle();
  }

  /** Ends at once; what was not settled comes again when its lease ends. */
  close(): void {
    this.#stop();
    this.#turns.close();
    this.#turns.abandon();
  }

  #stop(): void {
    this.#draining = true;
    this.#turns.stop();
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wakeLane(lane: Lane): void {
    if (this.#draining) return;
    const moment = this.#moment();
    this.#backlog.touch(lane, moment.now, moment);
    this.#pump();
  }

  /** Gives out turns, once for all that happens in one turn of the event loop. */
  #pump(): void {
    if (this.#isPumping || this.#draining) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#isPumping = false;
      if (this.#draining) return;
      const moment = this.#moment();
      const countOf = this.#counts();
      for (;;) {
        const turn = this.#backlog.next(moment, countOf);
        if (turn === null) break;
        this.#turns.take(turn);
      }
      this.#arm();
    });
  }

  /** How many events stand in a lane, read from the log when somebody asks first. */
  #counts(): (lane: Lane) => number {
    let counts: ReadonlyMap<Lane, number> | null = null;
    return (lane) => {
      const own = (): ReturnType<EventLog['lanes']> =>
        this.#events.lanes().filter(({ project }) => project === this.#options.project);
      counts ??= new Map(own().map((status) => [status.lane, status.waiting]));
      return counts.get(lane) ?? 0;
    };
  }

  /** One timer, for whatever is due first. */
  #arm(): void {
    const at = this.#backlog.wakeAt;
    if (at === (this.#timer?.at ?? Number.POSITIVE_INFINITY)) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (at === Number.POSITIVE_INFINITY) return;
    const cancel = this.#timers.after(at - this.#clock.now(), () => {
      this.#timer = null;
      this.#backlog.wake(this.#clock.now());
      this.#pump();
    });
    this.#timer = { at, cancel };
  }

  #moment(): Moment {
    if (this.#jumps.look() < 0) this.#backlog.clockSet(this.#clock.now());
    return { now: this.#clock.now(), steady: this.#clock.monotonic() };
  }
}
