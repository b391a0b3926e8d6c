import type { Clock } from '../contract/index.ts';
import type { EventLog } from '../events/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import type { TransportOptions } from '../transport/index.ts';
import type { GatewayLimits } from './gateway-limits.ts';
import type { Guards } from './guards/guard.ts';
import type { TokenVerifier } from './stages/identify.ts';
import type { RouteTable } from './routing/router.ts';

/** What a gateway works with. */
export interface GatewayOptions {
  readonly dispatcher: Dispatcher;
  /** The route table of this moment; asked once a request. Swap it as a whole. */
  readonly routes: () => RouteTable;
  readonly evidence: Evidence;
  /** Says whether a control token is valid, in constant time. */
  readonly verifyControlToken: TokenVerifier;
  /** What guards the routes. */
  readonly guards: Guards;
  /** Where what is sent to routes with `deliver` becomes durable. */
  readonly events: EventLog;
  /** Project of every app. */
  readonly project: string;
  readonly clock: Clock;
  /** Number from 0 up to 1, for canaries. */
  readonly random: () => number;
  /** Default: plain HTTP/1.1, and no proxy is trusted. */
  readonly transport?: TransportOptions;
  /** Default: `LIMITS`. */
  readonly limits?: Partial<GatewayLimits>;
}

export interface GatewayStats {
  readonly connections: number;
  readonly requestsInFlight: number;
  readonly webSockets: number;
  /** Requests that were answered or refused since the start. */
  readonly requests: number;
}

export interface Gateway {
  /** Errors: CORDON_PORT_TAKEN. */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
  /** Stops accepting, answers what is in flight, then resolves. `drainMs`: default `drainTimeoutMs`. */
  close(drainMs?: number): Promise<void>;
  stats(): GatewayStats;
}
