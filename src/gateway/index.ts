/**
 * The front door for HTTP/1.1 and HTTP/2. It promises that a request reaches a function only as one
 * well-formed message with one canonical `Target`, after every stage (receive, identify, admit, authorize,
 * validate, route) has agreed, and that what a function answers cannot break the framing of the connection.
 * It refuses what two parsers could read in two ways, and says no more about a failure than a code and an id.
 */
export { createGateway } from './gateway.ts';
export { RouteGuards } from './guards/route-guards.ts';
export { Authenticators } from './guards/authenticators.ts';
export type { Gateway, GatewayOptions, GatewayStats } from './gateway-options.ts';
export { compileRoutes, pathParameters, RouteTable } from './routing/router.ts';
export type { AppRoutes, RouteMatch, RouteMiss } from './routing/router.ts';
export { findConflicts } from './routing/conflicts.ts';
export type { RouteConflict } from './routing/conflicts.ts';
export { parseTarget } from './routing/target.ts';
export type { Target } from './routing/target.ts';
export type { GatewayLimits } from './gateway-limits.ts';
