import type { Write } from '../store/index.ts';
import type { CloudEvent } from './event.ts';

/**
 * Where events of one kind wait for one consumer, such as `queue:jobs` or `upload:photos>shop/thumbnail`: what
 * stands after `>` is the app and function that it is for, and nothing else is ever given it. A queue is for
 * whichever function consumes it.
 */
export type Lane = string;

/** An event that is to be accepted. */
export interface NewEvent {
  readonly project: string;
  readonly lane: Lane;
  readonly event: CloudEvent;
  /** Events of one lane with the same key are one event within `eventDuplicateWindowMs`; null: never the same. */
  readonly key: string | null;
  /** Events of one lane with the same order are delivered one after the other; null: in any order. */
  readonly order: string | null;
  /** How many events stand behind this one in a chain: 0 for one that comes from outside. */
  readonly hops: number;
  /** Time before the first delivery, ms. */
  readonly delayMs: number;
}

export interface Accepted {
  /** Id in the log; for a duplicate null. */
  readonly id: string | null;
}

/**
 * Asks for so many events of a lane, all or none. Null: they may be accepted, and are counted. Otherwise the time after
 * which they may be, ms; Infinity for more than may ever come at once.
 */
export type Quota = (lane: Lane, count: number) => number | null;

/** Writes that make events durable together with something else, in one commit of the caller's. */
export interface PreparedEvents {
  readonly writes: readonly Write[];
  /** Has to be called once the commit was acknowledged, with the rows changed by `writes`. */
  committed(changes: readonly number[]): readonly Accepted[];
  /** Has to be called when the commit failed. */
  failed(): void;
}

/** One attempt at an event, leased to whoever claimed it. */
export interface ClaimedEvent {
  readonly id: string;
  readonly lane: Lane;
  readonly event: CloudEvent;
  readonly order: string | null;
  readonly hops: number;
  /** This attempt, from 1. */
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Names the lease: what was settled under another lease changes nothing. */
  readonly lease: string;
}

/** How an attempt ended. */
export type Settlement =
  | { readonly kind: 'done' }
  /** To be tried again after a time. `counts` false: the attempt was not the event's fault and is given back. */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly reason: string; readonly counts: boolean }
  | { readonly kind: 'dead'; readonly reason: string };

export interface Settled {
  readonly event: ClaimedEvent;
  readonly outcome: Settlement;
}

export interface ClaimOptions {
  /** Most events of one claim. */
  readonly limit: number;
  /** Bytes of data after which no further event is claimed. */
  readonly bytesMax: number;
  /** Time after which the events are claimable again, ms. */
  readonly leaseMs: number;
  /** One event of each order at a time, in the order of acceptance. */
  readonly ordered: boolean;
}

/** What stands in a lane. */
export interface LaneStatus {
  readonly project: string;
  readonly lane: Lane;
  /** Events that wait, leased ones included. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly dead: number;
}

export type EventState = 'waiting' | 'dead';

/** An event as operators see it. */
export interface EventRecord {
  readonly id: string;
  readonly lane: Lane;
  readonly state: EventState;
  readonly attempts: number;
  readonly hops: number;
  readonly bytes: number;
  readonly acceptedAt: number;
  /** When it may be delivered next; for a dead one when it died. */
  readonly at: number;
  /** Why it is dead, or why the last attempt failed; null before the first failure. */
  readonly reason: string | null;
}

export interface EventDetail extends EventRecord {
  readonly event: CloudEvent;
  /** The last `eventAttemptsKept` failed attempts, oldest first. */
  readonly failures: readonly { readonly at: number; readonly attempt: number; readonly reason: string }[];
}

export interface EventQuery {
  readonly project: string;
  readonly lane?: Lane;
  readonly state?: EventState;
  /** After this position; from `next`. */
  readonly after?: string;
  /** 1 to `eventListMax`. */
  readonly limit: number;
}

/**
 * The log of events that wait. Promises: what `accept` resolved is durable and is delivered at least once or ends
 * as a dead letter; a settled event never comes again; an event whose row was changed, moved to another lane or
 * made by anybody else does not verify and is never given out. Adapters: the store (embedded), later JetStream.
 */
export interface EventLog {
  /**
   * All of the events or none. Errors: CORDON_EVENTS_FULL (`retryAfterMs`; `of` is `quota` where it is one), CORDON_EVENT_TOO_LARGE,
   * CORDON_EVENT_HOPS, those of the store.
   */
  accept(events: readonly NewEvent[]): Promise<readonly Accepted[]>;
  /** The same for a commit of the caller's. Errors: as `accept`, but for the store's. */
  prepare(events: readonly NewEvent[]): Promise<PreparedEvents>;
  /** Events that are due, leased. Those that do not verify become dead letters and are reported. */
  claim(project: string, lane: Lane, options: ClaimOptions): Promise<readonly ClaimedEvent[]>;
  /** Durable when it resolves. */
  settle(outcomes: readonly Settled[]): Promise<void>;
  /** Lanes that hold something, now. */
  lanes(): readonly LaneStatus[];
  /** When the next event of a lane is due, ms since the epoch; null: none waits. Leased ones are due when their lease ends. */
  nextDue(project: string, lane: Lane): Promise<number | null>;
  /**
   * Calls back after each acceptance, and when events that were held back or dead can be claimed, until the
   * returned function is called.
   */
  onAccepted(listener: (project: string, lane: Lane) => void): () => void;
  list(query: EventQuery): Promise<{ readonly events: readonly EventRecord[]; readonly next: string | null }>;
  show(project: string, id: string): Promise<EventDetail | null>;
  /** Dead letters to be delivered again, with no attempts counted. Returns how many. */
  replay(project: string, choice: EventChoice): Promise<number>;
  /** Removes events for good. Returns how many. */
  drop(project: string, choice: EventChoice): Promise<number>;
  /** Removes what is past its retention, and forgets old keys, as happens by itself. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

/** Events by their ids, or all of a lane in a state. */
export type EventChoice =
  { readonly ids: readonly string[] } | { readonly lane: Lane; readonly state: EventState };
