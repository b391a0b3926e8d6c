import { CordonError, LIMITS } from '../contract/index.ts';
import type { Accepted, EventLog, NewEvent, PreparedEvents } from '../events/index.ts';
import type { SourceQuotas } from './source-quotas.ts';

/** A log that accepts no more events of a source than its quota allows, whoever sends them. All else is the log's. */
export class QuotaLog implements EventLog {
  readonly #log: EventLog;
  readonly #quotas: Pick<SourceQuotas, 'take'>;

  constructor(log: EventLog, quotas: Pick<SourceQuotas, 'take'>) {
    this.#log = log;
    this.#quotas = quotas;
  }

  /** Errors: as the log, and CORDON_EVENTS_FULL past a quota. */
  async accept(events: readonly NewEvent[]): Promise<readonly Accepted[]> {
    this.#spend(events);
    return this.#log.accept(events);
  }

  async prepare(events: readonly NewEvent[]): Promise<PreparedEvents> {
    this.#spend(events);
    return this.#log.prepare(events);
  }

  claim(...given: Parameters<EventLog['claim']>): ReturnType<EventLog['claim']> {
    return this.#log.claim(...given);
  }

  settle(...given: Parameters<EventLog['settle']>): ReturnType<EventLog['settle']> {
    return this.#log.settle(...given);
  }

  lanes(): ReturnType<EventLog['lanes']> {
    return this.#log.lanes();
  }

  nextDue(...given: Parameters<EventLog['nextDue']>): ReturnType<EventLog['nextDue']> {
    return this.#log.nextDue(...given);
  }

  onAccepted(...given: Parameters<EventLog['onAccepted']>): ReturnType<EventLog['onAccepted']> {
    return this.#log.onAccepted(...given);
  }

  list(...given: Parameters<EventLog['list']>): ReturnType<EventLog['list']> {
    return this.#log.list(...given);
  }

  show(...given: Parameters<EventLog['show']>): ReturnType<EventLog['show']> {
    return this.#log.show(...given);
  }

  replay(...given: Parameters<EventLog['replay']>): ReturnType<EventLog['replay']> {
    return this.#log.replay(...given);
  }

  drop(...given: Parameters<EventLog['drop']>): ReturnType<EventLog['drop']> {
    return this.#log.drop(...given);
  }

  sweep(): Promise<void> {
    return this.#log.sweep();
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  /** Asks for the events of each lane, and for all of them before any is accepted. */
  #spend(events: readonly NewEvent[]): void {
    const counts = new Map<string, number>();
    for (const { lane } of events) counts.set(lane, (counts.get(lane) ?? 0) + 1);
    for (const [lane, count] of counts) {
      const retryAfterMs = this.#quotas.take(lane, count);
      if (retryAfterMs === null) continue;
      throw new CordonError('CORDON_EVENTS_FULL', `The quota of the source ${lane} is used up.`, {
        details: { retryAfterMs: Math.min(retryAfterMs, LIMITS.eventRetryAfterMsMax.value) },
      });
    }
  }
}
