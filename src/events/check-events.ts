import { CordonError, LIMITS } from '../contract/index.ts';
import type { AttributeValue, CloudEvent } from './event.ts';
import type { NewEvent } from './port.ts';

const ATTRIBUTE_NAME = /^[a-z0-9]+$/;
const RESERVED = 'cordon';
/** Attributes of the platform that its own producers set; the signature is the log's alone. */
const OF_PRODUCERS: ReadonlySet<string> = new Set([
  'cordonflow',
  'cordoncron',
  'cordonscheduledtime',
  'cordonsubject',
  'cordonpath',
]);
const REQUIRED = ['id', 'source', 'type'];
/** CloudEvents 1.0.2, section 3: Integer. */
const INTEGER_MIN = -(2 ** 31);
const INTEGER_MAX = 2 ** 31 - 1;

/** Errors: CORDON_EVENT_INVALID, CORDON_EVENT_TOO_LARGE, CORDON_EVENT_HOPS. */
export function checkEvents(events: readonly NewEvent[]): void {
  const countMax = LIMITS.eventBatchMax.value;
  if (events.length > countMax)
    throw new CordonError(
      'CORDON_EVENT_TOO_LARGE',
      `Cannot accept ${events.length} events at once, at most ${countMax} are allowed.`,
    );
  for (const event of events) checkEvent(event);
}

function checkEvent({ project, lane, event, key, order, hops, delayMs }: NewEvent): void {
  checkHops(hops);
  if (!Number.isFinite(delayMs) || delayMs < 0 || delayMs > LIMITS.eventDelayMsMax.value)
    throw invalid(`a delay of ${delayMs} ms is not from 0 to ${LIMITS.eventDelayMsMax.value}`);
  for (const name of [project, lane])
    if (name === '' || !name.isWellFormed()) throw invalid('its project or lane has no name');
  for (const text of [key, order]) if (text !== null) checkText('its key or order', text);
  checkAttributes(event.attributes);
  const bytesMax = LIMITS.eventBytesMax.value;
  if (event.data !== null && event.data.byteLength > bytesMax)
    throw new CordonError(
      'CORDON_EVENT_TOO_LARGE',
      `Cannot accept an event with ${event.data.byteLength} bytes of data, at most ${bytesMax} are allowed.`,
    );
}

function checkHops(hops: number): void {
  const hopsMax = LIMITS.eventHopsMax.value;
  if (!Number.isSafeInteger(hops) || hops < 0) throw invalid(`${hops} is no number of hops`);
  if (hops > hopsMax)
    throw new CordonError(
      'CORDON_EVENT_HOPS',
      `Cannot accept an event with ${hops} events and calls behind it, at most ${hopsMax} are allowed.`,
    );
}

function checkAttributes(attributes: CloudEvent['attributes']): void {
  const entries = Object.entries(attributes);
  const countMax = LIMITS.eventAttributesMax.value;
  if (entries.length > countMax)
    throw new CordonError(
      'CORDON_EVENT_TOO_LARGE',
      `Cannot accept an event with ${entries.length} attributes, at most ${countMax} are allowed.`,
    );
  for (const [name, value] of entries) checkAttribute(name, value);
  if (attributes.specversion !== '1.0') throw invalid('`specversion` is not 1.0');
  for (const name of REQUIRED) {
    const value = attributes[name];
    if (typeof value !== 'string' || value === '') throw invalid(`\`${name}\` is missing or empty`);
  }
}

function checkAttribute(name: string, value: AttributeValue): void {
  if (name.length > LIMITS.eventAttributeBytesMax.value || !ATTRIBUTE_NAME.test(name))
    throw invalid('an attribute has a name of other characters than a to z and 0 to 9');
  if (name.startsWith(RESERVED) && !OF_PRODUCERS.has(name))
    throw invalid(`\`${name}\` is an attribute that only the platform sets`);
  if (typeof value === 'string') return checkText(`\`${name}\``, value);
  if (typeof value === 'boolean') return;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < INTEGER_MIN || value > INTEGER_MAX)
    throw invalid(`\`${name}\` is neither text, a whole number of 32 bits nor true or false`);
}

function checkText(what: string, text: string): void {
  if (!text.isWellFormed()) throw invalid(`${what} is not well-formed Unicode`);
  const bytesMax = LIMITS.eventAttributeBytesMax.value;
  if (Buffer.byteLength(text) > bytesMax)
    throw new CordonError(
      'CORDON_EVENT_TOO_LARGE',
      `Cannot accept an event: ${what} has ${Buffer.byteLength(text)} bytes, at most ${bytesMax} are allowed.`,
    );
}

function invalid(problem: string): CordonError {
  return new CordonError('CORDON_EVENT_INVALID', `Cannot accept an event: ${problem}.`);
}
