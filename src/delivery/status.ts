import { LIMITS } from '../contract/index.ts';
import type { EventLog, LaneStatus } from '../events/index.ts';
import type { Backlog, FunctionShare, Moment } from './backlog.ts';
import type { LaneConsumer } from './lane-consumer.ts';
import type { DeliveryStatus, FunctionView, LaneView } from './port.ts';

/** What waits and what runs. `consumers` says who takes the events of a lane as things stand. */
export async function statusOf(
  events: EventLog,
  project: string,
  backlog: Backlog,
  consumers: (lane: string) => LaneConsumer | null,
  moment: Moment,
  draining: boolean,
): Promise<DeliveryStatus> {
  const lanes = events.lanes().filter((status) => status.project === project);
  const oldest = await oldestOf(events, lanes);
  const byFunction = new Map<string, LaneView[]>();
  const unserved: LaneView[] = [];
  for (const { lane, waiting, dead } of lanes) {
    const view = { lane, waiting, dead, oldestAt: oldest.get(lane) ?? null };
    const consumer = consumers(lane);
    if (consumer === null) {
      unserved.push(view);
      continue;
    }
    const key = `${consumer.app}/${consumer.function}`;
    byFunction.set(key, [...(byFunction.get(key) ?? []), view]);
  }
  const functions = [...backlog.shares].map((share) =>
    viewOf(share, byFunction.get(`${share.app}/${share.function}`) ?? [], moment),
  );
  const shown = new Set(functions.map((view) => `${view.app}/${view.function}`));
  for (const [key, views] of byFunction) if (!shown.has(key)) functions.push(restingView(key, views));
  return { inFlight: backlog.inFlight, draining, functions, unserved };
}

/** When the oldest event of each of the first lanes in which some wait was accepted. */
async function oldestOf(events: EventLog, lanes: readonly LaneStatus[]): Promise<Map<string, number>> {
  const asked = lanes.filter(({ waiting }) => waiting > 0).slice(0, LIMITS.eventLanesShownMax.value);
  const found = new Map<string, number>();
  await Promise.all(
    asked.map(async ({ project, lane }) => {
      const { events: listed } = await events.list({ project, lane, state: 'waiting', limit: 1 });
      const [first] = listed;
      if (first !== undefined) found.set(lane, first.acceptedAt);
    }),
  );
  return found;
}

function viewOf(share: FunctionShare, lanes: readonly LaneView[], { steady }: Moment): FunctionView {
  const { app, function: name, inFlight, runs, window } = share;
  return { app, function: name, inFlight, runs, window: window.size(steady), windowMax: window.max, lanes };
}

/** A function that had no event since the last change of what is served. */
function restingView(key: string, lanes: readonly LaneView[]): FunctionView {
  const [app = '', name = ''] = key.split('/');
  return { app, function: name, inFlight: 0, runs: 0, window: 1, windowMax: 1, lanes };
}
