import { CordonError, LIMITS, newId } from '../contract/index.ts';
import type { Write } from '../store/index.ts';
import { checkEvents } from './check-events.ts';
import type { LogParts } from './parts.ts';
import type { Accepted, Lane, NewEvent, PreparedEvents } from './port.ts';
import { insertEvent, insertKeyedEvent } from './statements.ts';

/** One event on its way into the log. */
interface Candidate {
  readonly id: string;
  readonly project: string;
  readonly lane: Lane;
  readonly bytes: number;
  /** Of all writes, the one that changes a row when it is no duplicate. */
  readonly write: number;
}

/**
 * Checks, signs and seals events, and takes their places in their lanes until their commit is known.
 * Errors: those of `EventLog.prepare`.
 */
export async function prepareEvents(parts: LogParts, events: readonly NewEvent[]): Promise<PreparedEvents> {
  checkEvents(events);
  spendQuotas(parts, events);
  const places = takePlaces(parts, events);
  const { store, clock, envelopes } = parts;
  const acceptedAt = clock.now();
  const expiresAt = acceptedAt + LIMITS.eventDuplicateWindowMs.value;
  const writes: Write[] = [];
  const candidates: Candidate[] = [];
  try {
    for (const event of events) {
      const { project, lane, hops } = event;
      const id = newId('evt');
      const { envelope, orderKey, keyHash } = await envelopes.seal(event, id, acceptedAt);
      const bytes = bytesOf(event);
      const dueAt = acceptedAt + Math.round(event.delayMs);
      const row = { id, project, lane, orderKey, dueAt, hops, bytes, acceptedAt, envelope };
      candidates.push({ id, project, lane, bytes, write: writes.length });
      if (keyHash === null) writes.push(insertEvent(store, row));
      else writes.push(...insertKeyedEvent(store, row, keyHash, expiresAt));
    }
  } catch (thrown) {
    places.giveBack();
    throw thrown;
  }
  let isOpen = true;
  return {
    writes,
    committed(changes) {
      isOpen = false;
      const accepted: Accepted[] = [];
      const lanes: Candidate[] = [];
      for (const candidate of candidates) {
        const { id, project, lane, bytes, write } = candidate;
        const isNew = changes[write] === 1;
        accepted.push({ id: isNew ? id : null });
        if (isNew) lanes.push(candidate);
        else parts.counts.change(project, lane, { waiting: -1, waitingBytes: -bytes });
      }
      parts.listeners.tell(lanes);
      return accepted;
    },
    failed() {
      if (isOpen) places.giveBack();
      isOpen = false;
    },
  };
}

/** Of each lane, before any event is accepted. Errors: CORDON_EVENTS_FULL. */
function spendQuotas({ quota }: LogParts, events: readonly NewEvent[]): void {
  const counts = new Map<Lane, number>();
  for (const { lane } of events) counts.set(lane, (counts.get(lane) ?? 0) + 1);
  for (const [lane, count] of counts) {
    const waitMs = quota(lane, count);
    if (waitMs === null) continue;
    const retryAfterMs = Math.min(waitMs, LIMITS.eventRetryAfterMsMax.value);
    throw new CordonError('CORDON_EVENTS_FULL', `The quota of the source ${lane} is used up.`, {
      details: { lane, of: 'quota', retryAfterMs },
    });
  }
}

/** Why no more events go into a lane. */
export function full(lane: Lane): CordonError {
  const retryAfterMs = LIMITS.eventsFullRetryMs.value;
  return new CordonError('CORDON_EVENTS_FULL', 'Cannot accept more events: as many wait there as may.', {
    details: { lane, retryAfterMs },
  });
}

/** For all events or for none. Errors: CORDON_EVENTS_FULL. */
function takePlaces({ counts }: LogParts, events: readonly NewEvent[]): { giveBack(): void } {
  const taken: NewEvent[] = [];
  const giveBack = (): void => {
    for (const event of taken)
      counts.change(event.project, event.lane, { waiting: -1, waitingBytes: -bytesOf(event) });
  };
  for (const event of events) {
    if (!counts.reserve(event.project, event.lane, 1, bytesOf(event))) {
      giveBack();
      throw full(event.lane);
    }
    taken.push(event);
  }
  return { giveBack };
}

function bytesOf({ event }: NewEvent): number {
  return event.data?.byteLength ?? 0;
}
