/**
 * The pool: warm anonymous sandboxes, and per function the instances that serve it. It scales by requests
 * in flight, queues with a bound, retires what is idle, and replaces what died. Nothing else starts a guest.
 * Events yield to requests: they wait behind them, leave them places and the last warm sandbox, and are refused
 * where many wait.
 */
export { eventPlacesMax } from './event-places.ts';
export { Pool } from './pool.ts';
export type { InstanceStatus } from './instance-status.ts';
export type { PoolOptions, PoolStatus } from './pool.ts';
export type { Dispatcher } from './port.ts';
