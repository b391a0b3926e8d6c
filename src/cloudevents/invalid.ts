import { CordonError } from '../contract/index.ts';

/** Why an event is refused, as whoever sent it may know it. */
export type EventFault =
  | 'missing'
  | 'empty'
  | 'type'
  | 'name'
  | 'reserved'
  | 'repeated'
  | 'characters'
  | 'encoding'
  | 'format'
  | 'range'
  | 'size'
  | 'count'
  | 'both'
  | `json ${string}`;

const NAME_CHARACTERS_MAX = 64;

/** CORDON_EVENT_INVALID: `attribute` null is the event as a whole; `index` null where it is no batch. */
export function invalid(attribute: string | null, fault: EventFault, index: number | null): CordonError {
  const place = index === null ? 'The event' : `Event ${index} of the batch`;
  const name = attribute === null ? null : shown(attribute);
  const what = name === null ? '' : ` at \`${name}\``;
  return new CordonError('CORDON_EVENT_INVALID', `${place} is not valid${what}: ${fault}.`, {
    details: { attribute: name, fault, index },
  });
}

/** Errors: CORDON_EVENT_TOO_LARGE. */
export function tooLarge(what: string, index: number | null): CordonError {
  const place = index === null ? '' : ` of event ${index}`;
  return new CordonError('CORDON_EVENT_TOO_LARGE', `The ${what}${place} is larger than an event may have.`, {
    details: { what, index },
  });
}

/** Names come from whoever sent them. */
function shown(name: string): string {
  return name.slice(0, NAME_CHARACTERS_MAX).replace(/[^\x20-\x7e]/g, '?');
}
