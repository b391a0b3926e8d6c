import { createHash } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { AttributeValue } from '../../events/index.ts';
import { isAttributeText } from '../../cloudevents/index.ts';
import { identityOf } from '../stages/route.ts';
import type { Validated } from '../stages/stages.ts';

/** Patterns that leave open what was asked for. */
const OPEN = /\/(?::|\*$)/;

/**
 * What the platform says of a request that became an event. `cordonsubject`: who sent it, as the authenticator of the
 * route vouches for it, in the JSON of `x-cordon-identity`; of operators there is none. `cordonpath`: its path, where
 * the route has parameters. Errors: CORDON_EVENT_TOO_LARGE.
 */
export function platformAttributes({ caller, match, target }: Validated): Record<string, string> {
  const attributes: Record<string, string> = {};
  if (caller.kind !== 'anonymous' && caller.kind !== 'control')
    attributes['cordonsubject'] = identityOf(caller);
  if (OPEN.test(match.pattern)) attributes['cordonpath'] = target.path;
  for (const [name, value] of Object.entries(attributes)) if (!isAttributeText(value)) throw tooLarge(name);
  return attributes;
}

/** Adds them to what came from outside, which has none of them. Errors: CORDON_EVENT_TOO_LARGE. */
export function withPlatform<T extends Readonly<Record<string, AttributeValue>>>(
  attributes: T,
  platform: Readonly<Record<string, string>>,
): T {
  const all = { ...attributes, ...platform };
  if (Object.keys(all).length > LIMITS.eventAttributesMax.value) throw tooLarge('number of attributes');
  return all;
}

/** The same for the same parts and for no others. */
export function keyOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function tooLarge(what: string): CordonError {
  return new CordonError('CORDON_EVENT_TOO_LARGE', `The ${what} is larger than an event may have.`, {
    details: { what, index: null },
  });
}
