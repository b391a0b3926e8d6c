/**
 * Events that wait to be delivered. Promises: what was accepted is durable, goes to the function that it is for and
 * no other, at least once or as a dead letter with its reasons; an event that anybody else made or changed is found
 * out, as the host signs what it accepts: its place, its hops, its order, its attributes and its data. Refuses more
 * than its bounds, so that who sends too much is told, and chains that do not end. It does not find out a row that
 * was removed, one that was put back after it had been settled, or a time or a count of attempts that was changed.
 */
export type { AttributeValue, CloudEvent } from './event.ts';
export type {
  Accepted,
  ClaimedEvent,
  ClaimOptions,
  EventChoice,
  EventDetail,
  EventLog,
  EventQuery,
  EventRecord,
  EventState,
  Lane,
  LaneStatus,
  NewEvent,
  PreparedEvents,
  Quota,
  Settled,
  Settlement,
} from './port.ts';
export { findSourceConflicts } from './source-conflicts.ts';
export type { SourceConflict } from './source-conflicts.ts';
export { SourceTable, laneOf, pipesFrom, queueLane, routeLane, targetOf } from './source-table.ts';
export type { BoundSource } from './source-table.ts';
export { openEventLog } from './event-log.ts';
export type { EventLogOptions } from './event-log.ts';
export type { EventSealer } from './signing-keys.ts';
export type { LaneBounds } from './lane-counts.ts';
export { eventPlaces } from './resealing.ts';
