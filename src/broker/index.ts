/**
 * The broker: the one place where a call of guest code is judged against the grants of its function,
 * counted, recorded and handed to a capability. Who calls is known by the socket. Without a grant the
 * answer is no, with the line of manifest that would make it yes.
 */
export { Broker } from './broker.ts';
export type { BrokerOptions } from './broker.ts';
export { Meter } from './meter.ts';
export type { ObservedUse } from './meter.ts';
