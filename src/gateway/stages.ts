import type { RequestHead } from './request-head.ts';
import type { RouteMatch } from './router.ts';
import type { Target } from './target.ts';

declare const stage: unique symbol;

/** What every stage knows of a request. */
export interface RequestFacts {
  readonly id: string;
  /** Address of the caller's end of the connection. */
  readonly address: string;
  readonly target: Target;
  readonly head: RequestHead;
  /** The route that was looked up for `target`, once: what is judged is what is dispatched. */
  readonly match: RouteMatch;
  readonly webSocket: boolean;
}

/*
 * The stages in their order. Each stage function takes the type that the one before returns, and only its
 * own file makes its type, so that a path that leaves one out does not compile.
 */

/** `receive`: framing checked, target canonical, route found. */
export interface Received extends RequestFacts {
  readonly [stage]: 'received' | 'identified' | 'admitted' | 'authorized' | 'routed';
}

/** Who calls. */
export type Caller = { readonly kind: 'anonymous' } | { readonly kind: 'control' };

/** `identify`: the caller is known, or the route asks for none. */
export interface Identified extends Received {
  readonly [stage]: 'identified' | 'admitted' | 'authorized' | 'routed';
  readonly caller: Caller;
}

/** `admit`: within the limits, and counted. The slot has to be given back. */
export interface Admitted extends Identified {
  readonly [stage]: 'admitted' | 'authorized' | 'routed';
}

/** `authorize`: this caller may do this. */
export interface Authorized extends Admitted {
  readonly [stage]: 'authorized' | 'routed';
}

/** `route`: bound to one function of one deployment. The only type that `dispatch` takes. */
export interface Routed extends Authorized {
  readonly [stage]: 'routed';
  /** URL as the function sees it. */
  readonly url: string;
  /** Fields as the function sees them, flat. */
  readonly fields: readonly string[];
}
