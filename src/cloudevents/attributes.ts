import { LIMITS } from '../contract/index.ts';
import type { AttributeValue, CloudEvent } from '../events/index.ts';
import { isText, parseContentType } from '../validation/index.ts';
import { invalid, tooLarge } from './invalid.ts';

/** CloudEvents 1.0.2 section 3.1, "Naming conventions": lower-case letters and digits; the length that it advises. */
const NAME = /^[a-z0-9]{1,20}$/;
const PLATFORM_PREFIX = 'cordon';
/** Types of events that the platform makes; whoever could send one could pass for it. */
const PLATFORM_TYPES = 'cordon.';
/** Section 3.1, String: no control characters, no noncharacters, no half of a surrogate pair. */
const CHARACTERS = /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]*$/u;
const DATE = /^\d{4}-\d{2}-\d{2}[Tt]/;
const INTEGER_MAX = 2 ** 31 - 1;
const INTEGER_MIN = -(2 ** 31);
/** Attributes of the specification. All of them are texts, and none of them may be empty. */
const STANDARD: ReadonlySet<string> = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
]);

/** True for attributes that only the platform sets. */
export function isPlatformAttribute(name: string): boolean {
  return name.startsWith(PLATFORM_PREFIX);
}

/** Whether a text can be the value of an attribute of the specification: not empty, without control characters, not too long. */
export function isAttributeText(text: string): boolean {
  return (
    text !== '' && CHARACTERS.test(text) && Buffer.byteLength(text) <= LIMITS.eventAttributeBytesMax.value
  );
}

/**
 * Gathers the attributes of one event, each checked as it comes. `index`: its place in a batch, else null.
 * Errors of both methods: CORDON_EVENT_INVALID, CORDON_EVENT_TOO_LARGE.
 */
export class Attributes {
  // Without a prototype, so that no name means anything but itself.
  readonly #values = Object.create(null) as Record<string, AttributeValue>;
  readonly #index: number | null;
  #count = 0;

  constructor(index: number | null) {
    this.#index = index;
  }

  add(name: string, value: unknown): void {
    const index = this.#index;
    if (!NAME.test(name)) throw invalid(name, 'name', index);
    // `data` is no name for an attribute (section 3.1), whatever the format.
    if (name === 'data' || isPlatformAttribute(name)) throw invalid(name, 'reserved', index);
    if (Object.hasOwn(this.#values, name)) throw invalid(name, 'repeated', index);
    this.#count += 1;
    if (this.#count > LIMITS.eventAttributesMax.value) throw tooLarge('number of attributes', index);
    this.#values[name] = this.#checked(name, value);
  }

  /** What was gathered, which has to be an event: version 1.0 with id, source and type. */
  finish(): CloudEvent['attributes'] {
    const { specversion, id, source, type } = this.#values;
    for (const [name, value] of Object.entries({ specversion, id, source, type }))
      if (value === undefined) throw invalid(name, 'missing', this.#index);
    return { ...this.#values } as CloudEvent['attributes'];
  }

  #checked(name: string, value: unknown): AttributeValue {
    const index = this.#index;
    if (typeof value === 'string') {
      if (Buffer.byteLength(value) > LIMITS.eventAttributeBytesMax.value)
        throw tooLarge(`attribute ${name}`, index);
      if (!CHARACTERS.test(value)) throw invalid(name, 'characters', index);
      if (STANDARD.has(name) && value === '') throw invalid(name, 'empty', index);
      if (name === 'type' && value.startsWith(PLATFORM_TYPES)) throw invalid(name, 'reserved', index);
      if (!isFormed(name, value)) throw invalid(name, 'format', index);
      return value;
    }
    if (STANDARD.has(name)) throw invalid(name, 'type', index);
    if (typeof value === 'boolean') return value;
    if (typeof value !== 'number' || !Number.isInteger(value)) throw invalid(name, 'type', index);
    if (value > INTEGER_MAX || value < INTEGER_MIN) throw invalid(name, 'range', index);
    // Zero has no sign in CloudEvents.
    return value === 0 ? 0 : value;
  }
}

function isFormed(name: string, value: string): boolean {
  switch (name) {
    case 'specversion':
      return value === '1.0';
    case 'source':
    case 'dataschema':
      return isText('uri-reference', value);
    case 'time':
      // RFC 3339 as written in section 5.6: with `T`, which the schema format does not insist on.
      return DATE.test(value) && isText('date-time', value);
    case 'datacontenttype':
      return parseContentType(value) !== null;
    default:
      return true;
  }
}
