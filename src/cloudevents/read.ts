import { CordonError, LIMITS } from '../contract/index.ts';
import type { CloudEvent } from '../events/index.ts';
import { parseContentType } from '../validation/index.ts';
import { Attributes } from './attributes.ts';
import { decodeValue } from './header-value.ts';
import { invalid, tooLarge } from './invalid.ts';
import { readJson, readJsonEvent } from './json-format.ts';

/** A message of HTTP that is to be one or several events. */
export interface EventMessage {
  /** Value of the one Content-Type field; null where there is none. */
  readonly contentType: string | null;
  /** Field names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

export const STRUCTURED = 'application/cloudevents+json';
export const BATCHED = 'application/cloudevents-batch+json';
export const PREFIX = 'ce-';

/**
 * Reads the events of a message as its Content-Type says (HTTP binding section 3): structured, batched or, with any
 * other type, binary. All of them or none. In binary mode every attribute is a text, and a body without a byte is no
 * data. Errors: CORDON_EVENT_INVALID (details `attribute`, `fault` and, in a batch, `index`), CORDON_EVENT_TOO_LARGE,
 * CORDON_CONTENT_TYPE_REFUSED for CloudEvents in another format than JSON.
 */
export function readCloudEvents(message: EventMessage): readonly CloudEvent[] {
  const { contentType, body } = message;
  const type = contentType === null ? null : parseContentType(contentType);
  if (type === null || !type.essence.startsWith('application/cloudevents')) return [readBinary(message)];
  const isUtf8 = type.charset === null || type.charset === 'utf-8';
  if (isUtf8 && type.essence === STRUCTURED) return [readJsonEvent(readJson(body), null)];
  if (isUtf8 && type.essence === BATCHED) return readBatch(readJson(body));
  throw new CordonError(
    'CORDON_CONTENT_TYPE_REFUSED',
    `Events are read as ${STRUCTURED} or ${BATCHED} alone.`,
  );
}

function readBatch(value: unknown): readonly CloudEvent[] {
  if (!Array.isArray(value)) throw invalid(null, 'type', null);
  if (value.length > LIMITS.eventBatchMax.value) throw tooLarge('number of events', null);
  return value.map(readJsonEvent);
}

function readBinary({ contentType, headers, body }: EventMessage): CloudEvent {
  const attributes = new Attributes(null);
  for (let i = 0; i < headers.length; i += 2) {
    const field = (headers[i] ?? '').toLowerCase();
    if (!field.startsWith(PREFIX)) continue;
    const name = field.slice(PREFIX.length);
    // Section 3.1.1: the type of the data is the Content-Type, and no field of its own.
    if (name === 'datacontenttype') throw invalid(name, 'reserved', null);
    const value = decodeValue(headers[i + 1] ?? '');
    if (value === null) throw invalid(name, 'encoding', null);
    attributes.add(name, value);
  }
  if (contentType !== null) attributes.add('datacontenttype', contentType);
  if (body.byteLength > LIMITS.eventBytesMax.value) throw tooLarge('data', null);
  return { attributes: attributes.finish(), data: body.byteLength === 0 ? null : body };
}
