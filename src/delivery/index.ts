/**
 * What takes events out of the log and runs functions with them. Promises: an event goes to the function that its
 * lane is for and no other, at least once, until it is done or a dead letter with its reason; what a function does
 * not take now is kept; an attempt that the platform could not make does not count; one message that always fails
 * takes no other with it; and however much waits in one lane, the others have their turns. Refuses more runs than a
 * function has places for, less those kept for requests, and believes nothing that a handler says beyond its events.
 */
export { Delivery } from './delivery.ts';
export type { DeliveryOptions } from './delivery.ts';
export { ServedDeployments } from './directory.ts';
export type {
  DeliveryStatus,
  DeploymentDirectory,
  FunctionView,
  LaneView,
  ServedFunction,
  Timers,
} from './port.ts';
export { SourceQuotas } from './source-quotas.ts';
export type { SourceQuotasOptions } from './source-quotas.ts';
