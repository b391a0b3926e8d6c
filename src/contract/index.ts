/**
 * The words that every layer shares: errors with stable codes, named limits, secrets that do not print,
 * identifiers and time. It imports nothing of Cordon.
 */
export { CordonError, ERRORS, toCordonError } from './errors.ts';
export type { ErrorCode, ErrorDetails, Fault } from './errors.ts';
export { LIMITS } from './limits.ts';
export type { LimitName } from './limits.ts';
export { Secret } from './secret.ts';
export { systemClock } from './clock.ts';
export { ClockJumps } from './clock-jumps.ts';
export type { Clock } from './clock.ts';
export { newId } from './ids.ts';
export type { IdPrefix } from './ids.ts';
