import type { Authorized, Routed } from './stages.ts';

/**
 * Last stage: what the function sees of the request. Its URL comes from the same `Target` that was routed
 * and authorized. A control token stays here: it is the operator's, not for the function's code.
 */
export function route(authorized: Authorized): Routed {
  const { target, head, match, id, address } = authorized;
  const fields = head.fields;
  if (head.authorization !== null && match.auth === 'public')
    fields.push('authorization', head.authorization);
  if (head.cookie !== null && !isCrossOriginWebSocket(authorized)) fields.push('cookie', head.cookie);
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
  const url = `${target.scheme}://${target.authority}${target.path}${target.search}`;
  return { ...authorized, url, fields } as Routed;
}

/**
 * Browsers send cookies along when any page opens a WebSocket, and no CORS check stands between. A
 * handshake from another origin is therefore let through without its cookies.
 */
function isCrossOriginWebSocket(authorized: Authorized): boolean {
  const { webSocket, head, target } = authorized;
  if (!webSocket || head.origin === null) return false;
  const origin = head.origin.toLowerCase();
  return origin !== `http://${target.authority}` && origin !== `https://${target.authority}`;
}
