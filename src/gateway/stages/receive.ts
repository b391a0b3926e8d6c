import type { Origin } from '../../transport/index.ts';
import type { BodySource } from '../http/body-source.ts';
import type { Guards } from '../guards/guard.ts';
import { readRequestHead, readStreamHead } from '../http/request-head.ts';
import type { RequestHead } from '../http/request-head.ts';
import { malformed, Refusal } from './refusal.ts';
import type { Intake } from '../request-path.ts';
import type { RouteMatch, RouteTable } from '../routing/router.ts';
import { readPreflight } from '../http/response-policy.ts';
import type { Preflight } from '../http/response-policy.ts';
import type { Received } from './stages.ts';
import type { Target } from '../routing/target.ts';
import { parseTarget } from '../routing/target.ts';

/** What the first stage judges by. */
export interface ReceiveRules {
  readonly headersBytesMax: number;
  readonly headersCountMax: number;
  readonly urlBytesMax: number;
  /** The table of this moment; the request keeps to it. */
  readonly routes: RouteTable;
  /** Number from 0 up to 1, for the choice between live and canary. */
  readonly random: () => number;
  readonly guards: Guards;
}

/** A message whose framing and target have been read, once. */
export interface ReadMessage {
  readonly head: RequestHead;
  readonly target: Target;
  /** Address of the caller: of its end of the connection, or what a trusted proxy says. */
  readonly address: string;
}

/** One reading of the framing, and one canonical target. */
export function readMessage(intake: Intake, rules: ReceiveRules): ReadMessage | Refusal {
  const { message } = intake;
  const head = headOf(intake, rules);
  if (head instanceof Refusal) return head;
  const origin = sourceOf(intake);
  if (origin.address === '') return malformed('X-Forwarded fields of a trusted proxy');
  const target = parseTarget({
    method: message.method ?? '',
    target: message.url ?? '',
    host: head.host,
    scheme: origin.scheme,
    urlBytesMax: rules.urlBytesMax,
  });
  return target instanceof Refusal ? target : { head, target, address: origin.address };
}

/** First stage: the route of what was read, with all that guards it. */
export function receive(
  { id, connection, upgrade }: Intake,
  read: ReadMessage,
  body: BodySource,
  rules: ReceiveRules,
): Received | Refusal {
  const { head, target } = read;
  const preflight = readPreflight(target.method, head.origin, head.fields);
  const match = lookUp(target, preflight, rules);
  if (match instanceof Refusal) return match;
  return {
    id,
    ...read,
    match,
    guard: rules.guards.of(match),
    webSocket: upgrade !== null,
    preflight: match.route.cors === null ? null : preflight,
    connection,
    body,
  } as Received;
}

/** Where a request comes from; the address is empty where a trusted proxy said what cannot be read. */
export function sourceOf({ message, connection }: Pick<Intake, 'message' | 'connection'>): Origin {
  return connection.forwards?.callerOf(message.rawHeaders, connection) ?? connection;
}

function headOf({ message, connection }: Intake, rules: ReceiveRules): RequestHead | Refusal {
  const { rawHeaders, httpVersion } = message;
  return httpVersion === '2.0'
    ? readStreamHead(rawHeaders, { ...rules, hasBody: message.hasBody === true, scheme: connection.scheme })
    : readRequestHead(rawHeaders, httpVersion, rules.headersCountMax);
}

/**
 * The route of the target. A CORS preflight is about the route of the method that it asks for, if that
 * route is shared with other origins; else it is an ordinary OPTIONS request.
 */
function lookUp(target: Target, preflight: Preflight | null, rules: ReceiveRules): RouteMatch | Refusal {
  const draw = rules.routes.hasCanary ? rules.random() * 100 : 0;
  if (preflight !== null) {
    const asked = rules.routes.match({ ...target, method: preflight.method }, draw);
    if (asked.kind === 'match' && asked.route.cors !== null) return asked;
  }
  const found = rules.routes.match(target, draw);
  if (found.kind === 'match') return found;
  if (found.allow.length === 0) return new Refusal('CORDON_ROUTE_UNKNOWN', 'no route');
  return new Refusal('CORDON_METHOD_REFUSED', 'no route for the method', {
    headers: ['allow', found.allow.join(', ')],
  });
}
