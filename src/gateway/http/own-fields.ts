import type { Received } from '../stages/stages.ts';
import type { Target } from '../routing/target.ts';

/** The fields that the route adds to every answer to this request, flat. */
export function ownFields({ guard, head, target }: Received): readonly string[] {
  return guard.response.fieldsFor(head.origin, isStrict(target));
}

/**
 * True where a browser may be told to come back by TLS alone. It would keep that for every port of a name of
 * this machine, long after a server that was tried there is gone.
 */
export function isStrict({ scheme, host }: Target): boolean {
  return scheme === 'https' && host !== 'localhost' && !host.endsWith('.localhost');
}
