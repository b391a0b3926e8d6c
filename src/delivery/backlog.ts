import { LIMITS } from '../contract/index.ts';
import type { Lane } from '../events/index.ts';
import { FairRing } from './fair-ring.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import { RunWindow } from './run-window.ts';

/** A lane in which something waits, or is thought to. */
export interface WaitingLane {
  readonly lane: Lane;
  /** Null: no function takes its events now. */
  consumer: LaneConsumer | null;
  share: FunctionShare | null;
  /** When there is something to take, ms since the epoch. */
  dueAt: number;
  /** Until when a batch may wait to become full; null: none does. */
  fillBy: number | null;
  /** Events that were taken from it and are not settled. */
  inFlight: number;
  isClaiming: boolean;
  /** True once an event failed before, as each of those runs alone. */
  isCareful: boolean;
}

/** What the lanes of one function share. */
export interface FunctionShare {
  readonly app: string;
  readonly function: string;
  readonly window: RunWindow;
  /** Its lanes that are due. */
  readonly lanes: FairRing<WaitingLane>;
  runs: number;
  /** Events of those runs, and of what is being claimed. */
  inFlight: number;
  /** Ms since the epoch. */
  pausedUntil: number;
}

/** Whose turn it is, and how much it may take. */
export interface Turn {
  readonly waiting: WaitingLane;
  readonly consumer: LaneConsumer;
  readonly share: FunctionShare;
  /** Most events to claim. */
  readonly events: number;
  /** Most runs to make of them. */
  readonly runs: number;
}

/** Now, on the clock of the world and on a steady one, ms. */
export interface Moment {
  readonly now: number;
  readonly steady: number;
}

/** What waits, by function, and whose turn it is. It knows lanes, not events: its memory is that of the lanes. */
export class Backlog {
  readonly #lanes = new Map<Lane, WaitingLane>();
  readonly #shares = new Map<string, FunctionShare>();
  /** Functions with a lane that is due. */
  readonly #due = new FairRing<FunctionShare>();
  readonly #consumerOf: (lane: Lane) => LaneConsumer | null;
  /** Events that are in flight, and those that are being claimed. */
  inFlight = 0;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(consumerOf: (lane: Lane) => LaneConsumer | null) {
    this.#consumerOf = consumerOf;
  }

  get shares(): Iterable<FunctionShare> {
    return this.#shares.values();
  }

  /** Something of a lane is due at a time. */
  touch(lane: Lane, at: number, moment: Moment): WaitingLane {
    const waiting = this.#lanes.get(lane) ?? this.#open(lane, moment);
    waiting.dueAt = Math.min(waiting.dueAt, at);
    this.#enlist(waiting, moment.now);
    return waiting;
  }

  /** Nothing of a lane waits any more, as far as is known. */
  rest(waiting: WaitingLane): void {
    this.#delist(waiting);
    if (waiting.inFlight === 0 && this.#lanes.get(waiting.lane) === waiting) this.#lanes.delete(waiting.lane);
  }

  /** Nobody takes the events of a lane until sources change. */
  strand(waiting: WaitingLane): void {
    this.#delist(waiting);
    waiting.consumer = null;
  }

  /** Takes nothing for a function until a time. */
  pause(share: FunctionShare, until: number): void {
    share.pausedUntil = until;
    this.#note(until);
  }

  /** When `wake` is due at the latest, ms since the epoch; Infinity: never. */
  get wakeAt(): number {
    return this.#wakeAt;
  }

  /** Lets lanes have their turn whose time has come. */
  wake(now: number): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    for (const waiting of this.#lanes.values()) {
      this.#enlist(waiting, now);
      const { consumer, share, fillBy } = waiting;
      if (consumer === null || share === null) continue;
      if (isAhead(share.pausedUntil, now, LIMITS.eventPauseMs.value)) this.#note(share.pausedUntil);
      if (isAhead(fillBy ?? 0, now, consumer.batchWaitMs)) this.#note(fillBy ?? 0);
    }
  }

  /** The clock was set back: what was to be due at a time of the old one is asked for again. */
  clockSet(now: number): void {
    for (const share of this.#shares.values()) share.pausedUntil = Math.min(share.pausedUntil, now);
    for (const waiting of this.#lanes.values()) {
      if (waiting.fillBy !== null) waiting.fillBy = Math.min(waiting.fillBy, now);
      waiting.dueAt = Math.min(waiting.dueAt, now);
      this.#enlist(waiting, now);
    }
  }

  /** Who takes what may be another one now. */
  reassign(moment: Moment): void {
    for (const waiting of this.#lanes.values()) {
      this.#delist(waiting);
      if (waiting.consumer === null) waiting.dueAt = Math.min(waiting.dueAt, moment.now);
      this.#assign(waiting, moment);
      this.#enlist(waiting, moment.now);
    }
    const used = new Set([...this.#lanes.values()].map(({ share }) => share));
    for (const [key, share] of this.#shares)
      if (share.runs === 0 && share.inFlight === 0 && !used.has(share)) this.#shares.delete(key);
  }

  /** The next turn; null: nobody may take anything now. `countOf` says how many events stand in a lane. */
  next(moment: Moment, countOf: (lane: Lane) => number): Turn | null {
    const turnOf = (waiting: WaitingLane): Turn | null => {
      const turn = this.#turn(waiting, moment);
      return turn !== null && this.#isFilled(waiting, turn.consumer, moment.now, countOf) ? turn : null;
    };
    const share = this.#due.next((candidate) => candidate.lanes.some((waiting) => turnOf(waiting) !== null));
    const waiting = share?.lanes.next((candidate) => turnOf(candidate) !== null) ?? null;
    if (share === null || waiting === null) return null;
    const turn = turnOf(waiting);
    if (turn === null) return null;
    share.lanes.charge(waiting, turn.runs);
    this.#due.charge(share, turn.runs);
    return turn;
  }

  /** Whether a function could do more than it is allowed to now. */
  hasMore(share: FunctionShare, now: number): boolean {
    return share.lanes.some(({ dueAt, isClaiming }) => isClaiming || dueAt <= now);
  }

  #open(lane: Lane, moment: Moment): WaitingLane {
    const waiting: WaitingLane = {
      lane,
      consumer: null,
      share: null,
      dueAt: Number.POSITIVE_INFINITY,
      fillBy: null,
      inFlight: 0,
      isClaiming: false,
      isCareful: false,
    };
    this.#lanes.set(lane, waiting);
    this.#assign(waiting, moment);
    return waiting;
  }

  #assign(waiting: WaitingLane, { steady }: Moment): void {
    const consumer = this.#consumerOf(waiting.lane);
    waiting.consumer = consumer;
    waiting.share = null;
    if (consumer === null) return;
    const { app, function: name } = consumer;
    const key = `${app}/${name}`;
    let share = this.#shares.get(key);
    if (share === undefined) {
      const window = new RunWindow(1, steady);
      share = { app, function: name, window, lanes: new FairRing(), runs: 0, inFlight: 0, pausedUntil: 0 };
      this.#shares.set(key, share);
    }
    waiting.share = share;
  }

  #enlist(waiting: WaitingLane, now: number): void {
    const { share, consumer, dueAt } = waiting;
    if (share === null || consumer === null) return;
    if (dueAt > now) {
      this.#note(dueAt);
      if (!waiting.isClaiming) this.#delist(waiting);
      return;
    }
    share.lanes.add(waiting);
    this.#due.add(share);
  }

  #delist(waiting: WaitingLane): void {
    const { share } = waiting;
    if (share === null) return;
    share.lanes.remove(waiting);
    if (share.lanes.size === 0) this.#due.remove(share);
  }

  /**
   * How much a lane may take now. A function gets no more events than are left of `eventsInFlightMax`, so that
   * however much one has to do, another finds room (dynamic thresholds: Choudhury and Hahne, 1998).
   */
  #turn(waiting: WaitingLane, { now, steady }: Moment): Turn | null {
    const { consumer, share } = waiting;
    if (consumer === null || share === null || waiting.isClaiming) return null;
    if (waiting.dueAt > now || isAhead(share.pausedUntil, now, LIMITS.eventPauseMs.value)) return null;
    const room = share.window.size(steady) - share.runs;
    const free = LIMITS.eventsInFlightMax.value - this.inFlight;
    const allowed = Math.max(free - share.inFlight, share.inFlight === 0 ? Math.min(free, 1) : 0);
    if (room < 1 || allowed < 1) return null;
    const { batch } = consumer;
    if (batch > 1 && !waiting.isCareful)
      return { waiting, consumer, share, events: Math.min(batch, allowed), runs: 1 };
    const events = Math.min(batch > 1 ? batch : LIMITS.eventsClaimedMax.value, room, allowed);
    return { waiting, consumer, share, events, runs: events };
  }

  /** Whether a batch is full, or has waited long enough. Starts its wait. */
  #isFilled(
    waiting: WaitingLane,
    { batch, batchWaitMs }: LaneConsumer,
    now: number,
    countOf: (lane: Lane) => number,
  ): boolean {
    if (batchWaitMs === 0) return true;
    waiting.fillBy ??= now + batchWaitMs;
    if (!isAhead(waiting.fillBy, now, batchWaitMs)) return true;
    if (countOf(waiting.lane) - waiting.inFlight >= batch) return true;
    this.#note(waiting.fillBy);
    return false;
  }

  #note(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt, at);
  }
}

/** Whether a time is still to come, and no further off than it can be unless the clock was set back. */
function isAhead(at: number, now: number, msMax: number): boolean {
  return at > now && at - now <= msMax;
}
