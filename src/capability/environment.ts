import type { Clock } from '../contract/index.ts';
import type { EventLog } from '../events/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { StreamedObjects } from '../object/index.ts';
import type { Store } from '../store/index.ts';
import type { Sealer } from './sealer.ts';

/** What the capabilities that keep data work with. */
export interface StorageEnvironment {
  readonly store: Store;
  readonly objects: StreamedObjects;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly evidence: Evidence;
  readonly events: EventLog;
}
