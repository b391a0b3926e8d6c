import { withoutOwnCookies } from '../../identity/index.ts';
import type { Caller } from '../../identity/index.ts';
import type { RouteAuth } from '../../manifest/index.ts';
import { asciiJson } from './ascii-json.ts';
import type { Routed, Validated } from './stages.ts';

/** Credentials that are read on a route with API keys. */
const API_KEY = 'x-api-key';

/**
 * Last stage: what the function sees of the request. Its URL comes from the same `Target` that was routed
 * and authorized. Credentials stay here: the function is told who calls, in `x-cordon-identity`.
 */
export function route(validated: Validated): Routed {
  const { target, head, match, id, address, caller } = validated;
  const fields = isKeyed(match.auth) ? without(head.fields, API_KEY) : head.fields;
  if (head.authorization !== null && match.auth === 'public')
    fields.push('authorization', head.authorization);
  const cookie = isCrossOriginWebSocket(validated) ? null : withoutOwnCookies(head.cookie);
  if (cookie !== null) fields.push('cookie', cookie);
  fields.push(
    'host',
    target.authority,
    'x-forwarded-for',
    address,
    'x-forwarded-proto',
    target.scheme,
    'x-forwarded-host',
    target.authority,
    'x-request-id',
    id,
  );
  if (caller.kind !== 'anonymous' && caller.kind !== 'control')
    fields.push('x-cordon-identity', identityOf(caller));
  const url = `${target.scheme}://${target.authority}${target.path}${target.search}`;
  return { ...validated, url, fields } as Routed;
}

/**
 * Browsers send cookies along when any page opens a WebSocket, and no CORS check stands between. A
 * handshake from another origin is therefore let through without its cookies.
 */
function isCrossOriginWebSocket(validated: Validated): boolean {
  const { webSocket, head, target } = validated;
  if (!webSocket || head.origin === null) return false;
  const origin = head.origin.toLowerCase();
  return origin !== `http://${target.authority}` && origin !== `https://${target.authority}`;
}

type Known = Exclude<Caller, { kind: 'anonymous' } | { kind: 'control' }>;

/** A caller whose verdict is remembered is the same object at each of its requests. */
const identities = new WeakMap<Known, string>();

/** Who calls, as functions are told: ASCII alone. */
export function identityOf(caller: Known): string {
  const known = identities.get(caller);
  if (known !== undefined) return known;
  const { kind, authenticator, subject, scopes, claims } = caller;
  const made = asciiJson({ kind, authenticator, subject, scopes, claims });
  identities.set(caller, made);
  return made;
}

function isKeyed(auth: RouteAuth): boolean {
  return typeof auth !== 'string' && auth.kind === 'apiKey';
}

function without(fields: readonly string[], name: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() !== name) kept.push(fields[i] ?? '', fields[i + 1] ?? '');
  }
  return kept;
}
