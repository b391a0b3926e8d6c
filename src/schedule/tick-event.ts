import type { BoundSource, NewEvent } from '../events/index.ts';
import type { CronSource } from '../manifest/index.ts';

/** The event of one tick. Its id and key are the schedule and the time, so that no tick is two events. */
export function tickEvent(project: string, source: BoundSource<CronSource>, time: number): NewEvent {
  const { app, function: fn, lane, spec } = source;
  const id = `${lane}@${time}`;
  return {
    project,
    lane,
    event: {
      attributes: {
        specversion: '1.0',
        id,
        source: `/apps/${app}/functions/${fn}/schedules`,
        type: 'cordon.schedule.tick',
        time: new Date(time).toISOString(),
        cordoncron: spec.expression,
        cordonscheduledtime: String(time),
      },
      data: null,
    },
    key: id,
    order: null,
    hops: 0,
    delayMs: 0,
  };
}
