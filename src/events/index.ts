/**
 * Events that wait to be delivered. Promises: what was accepted is durable, goes to the function that it is for and
 * no other, at least once or as a dead letter with its reasons; an event that anybody else made or changed is found
 * out. Refuses more than its bounds, so that who sends too much is told, and chains that do not end.
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
  Settled,
  Settlement,
} from './port.ts';
export { SourceTable, laneOf, pipesFrom, queueLane, routeLane, targetOf } from './source-table.ts';
export type { BoundSource } from './source-table.ts';
