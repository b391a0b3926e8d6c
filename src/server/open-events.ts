import type { BucketAdmission } from '../capability/index.ts';
import { systemClock } from '../contract/index.ts';
import { SourceQuotas } from '../delivery/index.ts';
import { openEventLog } from '../events/index.ts';
import type { EventLog, Quota, SourceTable } from '../events/index.ts';
import { Inspector, clamdScanner, isClamdInstalled } from '../inspection/index.ts';
import type { InspectionRoom, Scanner } from '../inspection/index.ts';
import { UploadAdmission } from '../uploads/index.ts';
import type { Closers } from './closers.ts';
import type { State } from './open-state.ts';

/** What becomes known only once functions can run. */
export interface EventSurroundings {
  readonly sources: () => SourceTable;
  readonly room: () => InspectionRoom;
}

/** The log of events, and what uploads have to pass. */
export interface OpenedEvents {
  readonly events: EventLog;
  readonly admission: BucketAdmission;
}

/** Opens the log, within the quotas of sources. Errors: CORDON_STORE_…. */
export async function openEvents(
  { store, vault, evidence }: State,
  { sources, room }: EventSurroundings,
  closers: Closers,
): Promise<OpenedEvents> {
  const clock = systemClock;
  const quotas = new SourceQuotas({ sources, clock });
  const quota: Quota = (lane, count) => quotas.take(lane, count);
  const events = await openEventLog({ store, sealer: vault, clock, evidence, quota });
  closers.add(() => events.close());
  const scanner = scannerOf(process.env);
  const inspector = new LazyInspector(() => Inspector.open({ room: room(), scanner }));
  const admission = new UploadAdmission({ sources, events, inspector, evidence, clock });
  return { events, admission };
}

/**
 * Uploads are scanned where clamd is installed, or `CORDON_CLAMD_CONFIG` names its configuration: then none passes
 * without it, running or not. `off` is the operator's word that they need not be.
 */
function scannerOf({ CORDON_CLAMD_CONFIG: config = '' }: NodeJS.ProcessEnv): Scanner | null {
  if (config === 'off') return null;
  if (config !== '') return clamdScanner({ config });
  return isClamdInstalled() ? clamdScanner() : null;
}

/** Built by the first upload that is inspected. */
class LazyInspector {
  readonly #open: () => Promise<Inspector>;
  #opening: Promise<Inspector> | null = null;

  constructor(open: () => Promise<Inspector>) {
    this.#open = open;
  }

  async inspect(...given: Parameters<Inspector['inspect']>): ReturnType<Inspector['inspect']> {
    this.#opening ??= this.#open().catch((thrown: unknown) => {
      this.#opening = null;
      throw thrown;
    });
    return (await this.#opening).inspect(...given);
  }
}
