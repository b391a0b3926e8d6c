import type { EventHandlerName } from '../channel/index.ts';
import type { DeployedFunction } from '../deploy/index.ts';
import { laneOf, routeLane, targetOf } from '../events/index.ts';
import type { BoundSource, Lane, SourceTable } from '../events/index.ts';
import type { DeliverySpec } from '../manifest/index.ts';
import type { ServedFunction } from './port.ts';

const SECOND_MS = 1000;
const ROUTE = 'route:';

/** What of a source says how its events are tried; a route that delivers events says nothing of it. */
export type AttemptSpec = Pick<DeliverySpec, 'attempts' | 'backoffMs' | 'backoffMsMax'>;
const ROUTE_ATTEMPTS: AttemptSpec = { attempts: 5, backoffMs: SECOND_MS, backoffMsMax: 300 * SECOND_MS };

/** Who takes the events of a lane, and how. */
export interface LaneConsumer {
  readonly lane: Lane;
  readonly app: string;
  readonly function: string;
  readonly handler: EventHandlerName;
  readonly attempts: AttemptSpec;
  /** Most events of one run. */
  readonly batch: number;
  /** Longest wait for a batch to become full, ms. */
  readonly batchWaitMs: number;
  readonly ordered: boolean;
}

/** Null: no function takes the events of this lane now. */
export function consumerOf(lane: Lane, sources: SourceTable): LaneConsumer | null {
  const target = targetOf(lane);
  if (lane.startsWith(ROUTE) && target !== null)
    return { ...target, lane, handler: 'event', attempts: ROUTE_ATTEMPTS, ...ONE_BY_ONE, ordered: false };
  const source = sources.byLane(lane);
  // A lane that names a function is of that function and of no other, whatever a table says.
  if (source === null || (target !== null && !isOf(source, target))) return null;
  return { lane, app: source.app, function: source.function, attempts: source.spec, ...wayOf(source) };
}

/** Whether a deployed function is the one that a lane is for, and has the handler for its events. */
export function takesLane(consumer: LaneConsumer, { deployment, fn }: ServedFunction): boolean {
  const { app, function: name, handler } = consumer;
  if (deployment.app !== app || fn.spec.name !== name || !fn.handlers.includes(handler)) return false;
  return lanesOf(app, fn).includes(consumer.lane);
}

const ONE_BY_ONE = { batch: 1, batchWaitMs: 0 } as const;

function wayOf({ spec }: BoundSource): Pick<LaneConsumer, 'handler' | 'batch' | 'batchWaitMs' | 'ordered'> {
  switch (spec.kind) {
    case 'queue':
      return { handler: 'queue', ordered: spec.ordered, ...batchesOf(spec) };
    case 'cron':
      return { handler: 'scheduled', ordered: false, ...ONE_BY_ONE };
    case 'pipe':
      return { handler: 'event', ordered: spec.ordered, ...ONE_BY_ONE };
    case 'upload':
      return { handler: 'event', ordered: false, ...ONE_BY_ONE };
  }
}

/** A batch that fails as a whole dies as a whole where there is one attempt: its messages are run one by one. */
function batchesOf(spec: {
  readonly attempts: number;
  readonly batch: number;
  readonly batchWaitMs: number;
}): Pick<LaneConsumer, 'batch' | 'batchWaitMs'> {
  return spec.attempts === 1 ? ONE_BY_ONE : { batch: spec.batch, batchWaitMs: spec.batchWaitMs };
}

function isOf(source: BoundSource, target: { readonly app: string; readonly function: string }): boolean {
  return source.app === target.app && source.function === target.function;
}

function lanesOf(app: string, { spec }: DeployedFunction): Lane[] {
  const routes = spec.routes.filter(({ deliver }) => deliver !== 'request');
  return [
    ...spec.sources.map((source) => laneOf(app, spec.name, source)),
    ...routes.map(({ path }) => routeLane(app, spec.name, path)),
  ];
}
