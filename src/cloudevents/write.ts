import { parseContentType } from '../validation/index.ts';
import type { CloudEvent } from '../events/index.ts';
import { encodeValue } from './header-value.ts';
import { invalid } from './invalid.ts';
import { eventJson, valuesIn } from './json-format.ts';
import { BATCHED, PREFIX, STRUCTURED } from './read.ts';

/** An event, or several, as a message of HTTP. */
export interface WrittenEvent {
  /** Field names and values in turn, Content-Type among them where there is one. */
  readonly headers: readonly string[];
  /** Null: no body. */
  readonly body: Uint8Array | null;
}

/**
 * Writes one event (HTTP binding section 3). In binary mode numbers and booleans become their texts.
 * Errors: CORDON_EVENT_INVALID in binary mode where the type of the data is that of an event, which would be read as one.
 */
export function writeCloudEvent(event: CloudEvent, mode: 'binary' | 'structured'): WrittenEvent {
  if (mode === 'binary') return writeBinary(event);
  return { headers: ['content-type', STRUCTURED], body: Buffer.from(JSON.stringify(eventJson(event))) };
}

/** Writes events as one batch, in their order. */
export function writeBatch(events: readonly CloudEvent[]): WrittenEvent {
  const valuesMax = valuesIn(events.length);
  const batch = events.map((event) => eventJson(event, valuesMax));
  return { headers: ['content-type', BATCHED], body: Buffer.from(JSON.stringify(batch)) };
}

function writeBinary({ attributes, data }: CloudEvent): WrittenEvent {
  const headers: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (name !== 'datacontenttype') headers.push(`${PREFIX}${name}`, encodeValue(String(value)));
    else if (isOfEvents(String(value))) throw invalid(name, 'reserved', null);
    else headers.push('content-type', String(value));
  }
  return { headers, body: data };
}

function isOfEvents(contentType: string): boolean {
  return parseContentType(contentType)?.essence.startsWith('application/cloudevents') === true;
}
