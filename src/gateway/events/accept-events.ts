import { ERRORS, LIMITS, toCordonError } from '../../contract/index.ts';
import type { Clock, ErrorCode } from '../../contract/index.ts';
import { routeLane } from '../../events/index.ts';
import type { CloudEvent, EventLog, NewEvent } from '../../events/index.ts';
import { Refusal } from '../stages/refusal.ts';
import type { Delivered, Validated } from '../stages/stages.ts';
import { postedEvents } from './posted-events.ts';
import { webhookEvent } from './webhook-event.ts';

/** What a request of a route with `deliver` is turned into events by. */
export interface EventRules {
  readonly events: EventLog;
  readonly project: string;
  readonly clock: Clock;
}

/** An event, and what it is known again by. */
export interface KeyedEvent {
  readonly event: CloudEvent;
  readonly key: string;
}

/** Refusals of events whose details the caller may know: they are about what it sent. */
const TOLD: ReadonlySet<ErrorCode> = new Set(['CORDON_EVENT_INVALID', 'CORDON_EVENT_TOO_LARGE']);

/**
 * Takes the place of the last stage where a route delivers events: what was sent is made durable, and no function
 * sees the request. It is done when the log has it, so that a sender who gets no 202 sends again; what the log has
 * already is a duplicate, for which the sender is told the same. All events of a request are accepted or none.
 */
export async function acceptEvents(validated: Validated, rules: EventRules): Promise<Delivered | Refusal> {
  const body = await wholeBody(validated);
  if (body instanceof Refusal) return body;
  try {
    const keyed =
      validated.match.route.deliver === 'webhook'
        ? [webhookEvent(validated, body, rules.clock)]
        : postedEvents(validated, body);
    const wanted = keyed.map((one) => newEvent(validated, one, rules.project));
    const accepted = wanted.length === 0 ? [] : await rules.events.accept(wanted);
    const duplicates = accepted.filter(({ id }) => id === null).length;
    return { ...validated, receipt: { accepted: accepted.length - duplicates, duplicates } };
  } catch (thrown) {
    return refusalOf(thrown);
  }
}

/** At most what is parsed as JSON anywhere: a structured event is larger than its data. */
async function wholeBody({ match, body, head }: Validated): Promise<Uint8Array | Refusal> {
  const values = (name: string) =>
    head.fields.filter((_, i, all) => all[i - 1]?.toLowerCase() === name && i % 2 === 1);
  const isEncoded = values('content-encoding').some((value) => value.toLowerCase() !== 'identity');
  if (isEncoded || values('content-type').length > 1)
    return new Refusal('CORDON_CONTENT_TYPE_REFUSED', 'content of an event', { event: 'event.refused' });
  return body.collect(Math.min(match.fn.spec.limits.bodyBytes, LIMITS.validatedBodyBytesMax.value));
}

function newEvent({ match }: Validated, { event, key }: KeyedEvent, project: string): NewEvent {
  const { deployment, fn, pattern } = match;
  const lane = routeLane(deployment.app, fn.spec.name, pattern);
  return { project, lane, event, key, order: null, hops: 0, delayMs: 0 };
}

function refusalOf(thrown: unknown): Refusal {
  const { code, message, details } = toCordonError(thrown);
  const { retryAfterMs } = details;
  const retry =
    typeof retryAfterMs === 'number'
      ? ['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]
      : code === 'CORDON_EVENTS_FULL'
        ? ['retry-after', '1']
        : [];
  return new Refusal(code, message, {
    ...(ERRORS[code].fault === 'caller' ? { event: 'event.refused' } : {}),
    headers: retry,
    ...(TOLD.has(code) ? { details } : {}),
  });
}
