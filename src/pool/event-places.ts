import { LIMITS } from '../contract/index.ts';
import type { DeployedFunction } from '../deploy/index.ts';

const PERCENT = 100;

/** What an instance is wanted for. */
export type Purpose = 'request' | 'event';

/** Whether requests run it too, those of other functions included. */
export function answersRequests(fn: DeployedFunction): boolean {
  return fn.handlers.includes('fetch');
}

/**
 * Most runs of events that a function may have at once: all of its places, less those that are reserved for
 * requests where it answers any. A function with a single place has none to reserve; requests go first there.
 */
export function eventPlacesMax(fn: DeployedFunction): number {
  const { instances, concurrency } = fn.spec.limits;
  const places = instances * concurrency;
  if (!answersRequests(fn)) return places;
  const reserved = Math.ceil((places * LIMITS.eventPlacesReservedForRequests.value) / PERCENT);
  return Math.max(1, places - reserved);
}
