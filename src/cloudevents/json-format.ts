import { isUtf8 } from 'node:buffer';
import { LIMITS } from '../contract/index.ts';
import type { CloudEvent } from '../events/index.ts';
import { isJson, parseContentType, parseStrictJson } from '../validation/index.ts';
import type { ContentType } from '../validation/index.ts';
import { Attributes } from './attributes.ts';
import { invalid, tooLarge } from './invalid.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const JSON_TYPE: ContentType = { essence: 'application/json', charset: null };
/** Objects and arrays around the data of an event: the event, and the batch. */
const DEPTH_AROUND = 2;

/** Reads JSON that no two parsers can read in two ways. Errors: CORDON_EVENT_INVALID. */
export function readJson(bytes: Uint8Array): unknown {
  const parsed = parseStrictJson(bytes, {
    depthMax: LIMITS.jsonDepthMax.value,
    valuesMax: LIMITS.jsonValuesMax.value,
  });
  if (!parsed.ok) throw invalid(null, `json ${parsed.reason}`, null);
  return parsed.value;
}

/**
 * An event in the JSON event format (CloudEvents 1.0.2, JSON format sections 2 and 3). `value` is of strict JSON.
 * An attribute that is null is absent. Data without a type is JSON, and the event says so from then on.
 * Errors: CORDON_EVENT_INVALID, CORDON_EVENT_TOO_LARGE.
 */
export function readJsonEvent(value: unknown, index: number | null): CloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(null, 'type', index);
  const { data, data_base64: encoded, ...members } = value as Record<string, unknown>;
  if (data !== undefined && encoded !== undefined) throw invalid('data_base64', 'both', index);
  const attributes = new Attributes(index);
  for (const [name, member] of Object.entries(members)) if (member !== null) attributes.add(name, member);
  const untyped = data !== undefined && (members['datacontenttype'] ?? null) === null;
  if (untyped) attributes.add('datacontenttype', JSON_TYPE.essence);
  const finished = attributes.finish();
  const bytes =
    encoded === undefined ? bytesOf(data, finished.datacontenttype, index) : decoded(encoded, index);
  if (bytes !== null && bytes.byteLength > LIMITS.eventBytesMax.value) throw tooLarge('data', index);
  return { attributes: finished, data: bytes };
}

/** `data` as JSON section 3.1.1 has it: a JSON value where the type is JSON, else a text that is the content. */
function bytesOf(data: unknown, contentType: unknown, index: number | null): Uint8Array | null {
  if (data === undefined) return null;
  const type = parseContentType(String(contentType)) ?? JSON_TYPE;
  if (isJson(type)) return Buffer.from(JSON.stringify(data));
  if (typeof data !== 'string') throw invalid('data', 'type', index);
  // A text of another charset than this message's can be told from its bytes alone.
  if (!isUnicode(type)) throw invalid('data', 'encoding', index);
  return Buffer.from(data);
}

function decoded(encoded: unknown, index: number | null): Uint8Array {
  if (typeof encoded !== 'string') throw invalid('data_base64', 'type', index);
  if (!BASE64.test(encoded)) throw invalid('data_base64', 'encoding', index);
  const bytes = Buffer.from(encoded, 'base64');
  // Bits to spare would give the same data a second spelling.
  if (bytes.toString('base64') !== encoded) throw invalid('data_base64', 'encoding', index);
  return bytes;
}

/**
 * An event in the JSON event format, as an object. Its data is `data` where it reads back byte for byte: JSON as
 * `JSON.stringify` writes it, and UTF-8 of a textual type; else `data_base64`. `valuesMax`: values that the data may
 * have as JSON; default what a message with one event may have.
 */
export function eventJson(
  { attributes, data }: CloudEvent,
  valuesMax = valuesIn(1),
): Record<string, unknown> {
  if (data === null) return { ...attributes };
  const type = parseContentType(String(attributes['datacontenttype'] ?? ''));
  if (type !== null && isJson(type)) {
    const value = exactJson(data, valuesMax);
    if (value !== undefined) return { ...attributes, data: value };
  } else if (type !== null && type.essence.startsWith('text/') && isUnicode(type) && isUtf8(data)) {
    return { ...attributes, data: textOf(data) };
  }
  return { ...attributes, data_base64: Buffer.from(data).toString('base64') };
}

/** Values that the data of one event of a message with `events` may have, so that the message can be read. */
export function valuesIn(events: number): number {
  const around = 1 + LIMITS.eventAttributesMax.value;
  return Math.floor((LIMITS.jsonValuesMax.value - 1) / Math.max(events, 1)) - around;
}

function exactJson(data: Uint8Array, valuesMax: number): unknown {
  const depthMax = LIMITS.jsonDepthMax.value - DEPTH_AROUND;
  const parsed = parseStrictJson(data, { depthMax, valuesMax });
  return parsed.ok && JSON.stringify(parsed.value) === textOf(data) ? parsed.value : undefined;
}

function isUnicode({ charset }: ContentType): boolean {
  return charset === null || charset === 'utf-8' || charset === 'us-ascii';
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8');
}
