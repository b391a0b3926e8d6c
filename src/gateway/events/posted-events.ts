import { CordonError } from '../../contract/index.ts';
import { readCloudEvents } from '../../cloudevents/index.ts';
import type { Caller } from '../../identity/index.ts';
import { singleField } from '../guards/credentials.ts';
import type { Validated } from '../stages/stages.ts';
import type { KeyedEvent } from './accept-events.ts';
import { keyOf, platformAttributes, withPlatform } from './platform-attributes.ts';

/**
 * The CloudEvents that a request brings. Events with the same source and id are one (CloudEvents 1.0.2 section
 * 3.1.1), of one caller: whoever may send events, and no more, cannot take an id away from another sender.
 * Where the sender signs, it signs the body alone: attributes in fields, which binary mode has, would be forgeable.
 * Errors: CORDON_EVENT_INVALID, CORDON_EVENT_TOO_LARGE, CORDON_CONTENT_TYPE_REFUSED.
 */
export function postedEvents(validated: Validated, body: Uint8Array): readonly KeyedEvent[] {
  const { fields } = validated.head;
  const contentType = singleField(fields, 'content-type');
  if (isSigned(validated) && contentType?.toLowerCase().startsWith('application/cloudevents') !== true) {
    throw new CordonError('CORDON_CONTENT_TYPE_REFUSED', 'A signed event has its attributes in its body.');
  }
  const platform = platformAttributes(validated);
  const sender = nameOf(validated.caller);
  return readCloudEvents({ contentType, headers: fields, body }).map(({ attributes, data }) => ({
    event: { attributes: withPlatform(attributes, platform), data },
    key: keyOf('cloudevents', sender, attributes.source, attributes.id),
  }));
}

function isSigned({ match: { auth } }: Validated): boolean {
  return typeof auth !== 'string' && auth.kind === 'webhook';
}

/** Stable, whatever claims and scopes the caller has today. */
function nameOf(caller: Caller): string {
  if (caller.kind === 'anonymous' || caller.kind === 'control') return caller.kind;
  return `${caller.authenticator} ${caller.subject}`;
}
