import { LIMITS } from '../contract/index.ts';
import type { CronSource, CronTimes } from '../manifest/index.ts';

/** Ticks that nobody is told of any more. */
export interface PassedOver {
  /** The last of them, ms since the epoch. */
  readonly until: number;
  /** At least so many; not all are counted after a long stop. */
  readonly count: number;
  readonly isCounted: boolean;
}

export interface TickPlan {
  readonly passedOver: PassedOver | null;
  /** Ticks to give, earliest first; all of them later than what is passed over. */
  readonly due: readonly number[];
}

/**
 * What is to be done about the times between the last tick that was kept and now. A tick that is late by
 * `scheduleLateMs` or more was missed, and `catchUp` says what becomes of it. The work is bounded, however long ago
 * the last tick was.
 */
export function planTicks(
  times: CronTimes,
  catchUp: CronSource['catchUp'],
  lastAt: number,
  now: number,
): TickPlan {
  const catchUpMax = LIMITS.scheduleCatchUpMax.value;
  const missedUntil = now - LIMITS.scheduleLateMs.value;
  // There is at most one a second.
  const onTimeMax = LIMITS.scheduleLateMs.value / 1000;
  const onTime = times.latest(Math.max(lastAt, missedUntil), now, onTimeMax);
  const missed = times.latest(lastAt, missedUntil, catchUpMax + 1);
  const kept = catchUp === 'none' ? 0 : catchUp === 'last' ? 1 : catchUpMax;
  const passed = missed.slice(0, Math.max(0, missed.length - kept));
  const until = passed.at(-1);
  return {
    passedOver:
      until === undefined ? null : { until, count: passed.length, isCounted: missed.length <= catchUpMax },
    due: [...missed.slice(passed.length), ...onTime],
  };
}
