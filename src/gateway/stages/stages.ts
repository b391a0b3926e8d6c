import type { Caller } from '../../identity/index.ts';
import type { BodySource } from '../http/body-source.ts';
import type { Connection } from '../http/connection.ts';
import type { RouteGuard } from '../guards/guard.ts';
import type { Refusal } from './refusal.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { Preflight } from '../http/response-policy.ts';
import type { RouteMatch } from '../routing/router.ts';
import type { Slot } from './slot.ts';
import type { Target } from '../routing/target.ts';

declare const stage: unique symbol;

/** What every stage knows of a request. */
export interface RequestFacts {
  readonly id: string;
  /** Address of the caller: of its end of the connection, or what a trusted proxy says. */
  readonly address: string;
  readonly target: Target;
  readonly head: RequestHead;
  /** The route that was looked up for `target`, once: what is judged is what is dispatched. */
  readonly match: RouteMatch;
  /** What the manifest asks of a request of this route. */
  readonly guard: RouteGuard;
  readonly webSocket: boolean;
  /** What a CORS preflight asks, of a route that is shared with other origins; null for any other request. */
  readonly preflight: Preflight | null;
  /** What it came by. */
  readonly connection: Connection;
  /** The body, for the stages that need all of it. */
  readonly body: BodySource;
}

/*
 * The stages in their order. Each stage function takes the type that the one before returns, and only its
 * own file makes its type, so that a path that leaves one out does not compile.
 */

/** `receive`: framing checked, target canonical, route found. */
export interface Received extends RequestFacts {
  readonly [stage]: 'received' | 'identified' | 'admitted' | 'authorized' | 'validated' | 'routed';
}

/** `identify`: the caller is known, or the route asks for none. */
export interface Identified extends Received {
  readonly [stage]: 'identified' | 'admitted' | 'authorized' | 'validated' | 'routed';
  readonly caller: Caller;
}

/** `admit`: within the limits, and counted. The slot has to be given back. */
export interface Admitted extends Identified {
  readonly [stage]: 'admitted' | 'authorized' | 'validated' | 'routed';
  readonly slot: Slot;
  /** Response fields that say how much of its rates the caller has left, flat. */
  readonly rateFields: readonly string[];
}

/** `authorize`: this caller may do this. */
export interface Authorized extends Admitted {
  readonly [stage]: 'authorized' | 'validated' | 'routed';
}

/** `validate`: what it sends follows the schemas of the route. */
export interface Validated extends Authorized {
  readonly [stage]: 'validated' | 'routed';
}

/** `route`: bound to one function of one deployment. The only type that `dispatch` takes. */
export interface Routed extends Validated {
  readonly [stage]: 'routed';
  /** URL as the function sees it. */
  readonly url: string;
  /** Fields as the function sees them, flat. */
  readonly fields: readonly string[];
}

/** In the place of `route`: what the request brought is durable as events, and no function sees it. */
export interface Delivered extends Validated {
  readonly receipt: {
    /** Events that are new, and events that the log had already. */
    readonly accepted: number;
    readonly duplicates: number;
  };
}

/** What a stage says: what the next one takes, or why it does not go on; at once where it can. */
export type Outcome<T> = T | Refusal | Promise<T | Refusal>;
