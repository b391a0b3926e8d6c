import { readRequestHead } from './request-head.ts';
import { Refusal } from './refusal.ts';
import type { RouteMatch, RouteTable } from './router.ts';
import type { Received } from './stages.ts';
import type { Target } from './target.ts';
import { parseTarget } from './target.ts';

/** A message as node's parser hands it over. */
export interface Message {
  readonly id: string;
  readonly address: string;
  readonly method: string;
  readonly url: string;
  readonly httpVersion: string;
  readonly rawHeaders: readonly string[];
  readonly webSocket: boolean;
}

/** What the first stage judges by. */
export interface ReceiveRules {
  readonly headersCountMax: number;
  readonly urlBytesMax: number;
  /** The table of this moment; the request keeps to it. */
  readonly routes: RouteTable;
  /** Number from 0 up to 1, for the choice between live and canary. */
  readonly random: () => number;
}

/** First stage: one reading of the framing, one canonical target, one route. */
export function receive(message: Message, rules: ReceiveRules): Received | Refusal {
  const head = readRequestHead(message.rawHeaders, message.httpVersion, rules.headersCountMax);
  if (head instanceof Refusal) return head;
  const target = parseTarget({
    method: message.method,
    target: message.url,
    host: head.host,
    scheme: 'http',
    urlBytesMax: rules.urlBytesMax,
  });
  if (target instanceof Refusal) return target;
  const match = lookUp(target, rules);
  if (match instanceof Refusal) return match;
  const { id, address, webSocket } = message;
  return { id, address, target, head, match, webSocket } as Received;
}

function lookUp(target: Target, rules: ReceiveRules): RouteMatch | Refusal {
  const found = rules.routes.match(target, rules.routes.hasCanary ? rules.random() * 100 : 0);
  if (found.kind === 'match') return found;
  if (found.allow.length === 0) return new Refusal('CORDON_ROUTE_UNKNOWN', 'no route');
  return new Refusal('CORDON_METHOD_REFUSED', 'no route for the method', {
    headers: ['allow', found.allow.join(', ')],
  });
}
