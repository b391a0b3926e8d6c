import type { EventAbout, QueueMessageHead } from '../channel/index.ts';
import { CordonError, newId } from '../contract/index.ts';
import type { AttributeValue, ClaimedEvent } from '../events/index.ts';
import { HOPS_FIELD } from '../instance/index.ts';
import type { ExchangeRequest } from '../instance/index.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import { dataBytes } from './split.ts';

/** What fits into one frame beside its head; more is sent piece by piece. */
export const WHOLE_BODY_BYTES_MAX = 64 * 1024;

const QUEUE = 'queue:';
const HEADER_VALUE = /^[\x20-\x7e]{1,4096}$/;
const CONTENT_TYPES: Readonly<Record<string, QueueMessageHead['contentType']>> = {
  'application/json': 'json',
  'text/plain': 'text',
};

/** What is handed to an instance, and the bytes that follow where they are too many for one frame. */
export interface RunRequest {
  readonly request: ExchangeRequest;
  /** Null: all of it is in `request`. */
  readonly rest: Uint8Array | null;
}

/** The exchange that gives these events of one lane to its function. There is at least one. */
export function runRequestOf(consumer: LaneConsumer, events: readonly ClaimedEvent[]): RunRequest {
  const [first] = events;
  if (first === undefined) throw new CordonError('CORDON_INTERNAL', 'A run has no events.');
  const body = Buffer.concat(events.map(({ event }) => event.data ?? new Uint8Array()));
  const streams = body.byteLength > WHOLE_BODY_BYTES_MAX;
  const request = {
    id: newId('evt'),
    method: 'POST',
    url: '',
    headers: headersOf(first, events),
    webSocket: false,
    body: streams || body.byteLength === 0 ? null : body,
    streams,
    event: aboutOf(consumer, first, events),
  };
  return { request, rest: streams ? body : null };
}

function aboutOf(consumer: LaneConsumer, first: ClaimedEvent, events: readonly ClaimedEvent[]): EventAbout {
  const { attributes, data } = first.event;
  switch (consumer.handler) {
    case 'queue':
      return { handler: 'queue', queue: consumer.lane.slice(QUEUE.length), messages: events.map(messageOf) };
    case 'scheduled':
      return {
        handler: 'scheduled',
        cron: text(attributes['cordoncron']),
        scheduledTime: timeOf(attributes['cordonscheduledtime']) ?? first.acceptedAt,
      };
    case 'event':
      return { handler: 'event', attributes, hasData: data !== null };
  }
}

function messageOf(claimed: ClaimedEvent): QueueMessageHead {
  const { id, acceptedAt, attempt, event } = claimed;
  const contentType = CONTENT_TYPES[text(event.attributes['datacontenttype'])] ?? 'bytes';
  return { id, timestamp: acceptedAt, attempts: attempt, contentType, bytes: dataBytes(claimed) };
}

/** The platform's fields: how far the chain reaches, which events these are, and whom they come from. */
function headersOf(first: ClaimedEvent, events: readonly ClaimedEvent[]): string[] {
  const fields = [
    HOPS_FIELD,
    String(Math.max(...events.map(({ hops }) => hops))),
    'x-cordon-event',
    events.map(({ id }) => id).join(', '),
    'x-cordon-attempt',
    String(Math.max(...events.map(({ attempt }) => attempt))),
  ];
  if (events.length > 1) return fields;
  const { attributes } = first.event;
  addField(fields, 'x-cordon-identity', attributes['cordonsubject']);
  addField(fields, 'x-cordon-flow', attributes['cordonflow']);
  return fields;
}

/** A value that is no value of a field (RFC 9110, section 5.5) is left out: the event itself has it. */
function addField(fields: string[], name: string, value: AttributeValue | undefined): void {
  const given = text(value);
  if (HEADER_VALUE.test(given)) fields.push(name, given);
}

function timeOf(value: AttributeValue | undefined): number | null {
  const time = value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(time) ? time : null;
}

function text(value: AttributeValue | undefined): string {
  return value === undefined ? '' : String(value);
}
