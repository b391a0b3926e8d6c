import type { Clock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Store } from '../store/index.ts';
import type { EventEnvelopes } from './envelope.ts';
import type { FailureRecords } from './failures.ts';
import type { LaneCounts } from './lane-counts.ts';
import type { Listeners } from './listeners.ts';
import type { Quota } from './port.ts';

/** What everything that works on the log shares. */
export interface LogParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly evidence: Evidence;
  readonly counts: LaneCounts;
  readonly envelopes: EventEnvelopes;
  readonly failures: FailureRecords;
  readonly listeners: Listeners;
  readonly quota: Quota;
}
