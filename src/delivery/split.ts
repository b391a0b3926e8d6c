import { LIMITS } from '../contract/index.ts';
import type { ClaimedEvent } from '../events/index.ts';

/**
 * Cuts what was claimed of a lane into runs of at most `batch` events and `queueBatchBytesMax` of data, in their
 * order. An event that `isCareful` says so of has a run for itself, so that one that always fails takes no other
 * with it.
 */
export function splitIntoRuns(
  events: readonly ClaimedEvent[],
  batch: number,
  isCareful: (event: ClaimedEvent) => boolean,
): readonly ClaimedEvent[][] {
  const runs: ClaimedEvent[][] = [];
  let open: ClaimedEvent[] | null = null;
  let bytes = 0;
  for (const event of events) {
    const size = dataBytes(event);
    if (isCareful(event)) {
      runs.push([event]);
      continue;
    }
    if (open === null || open.length >= batch || bytes + size > LIMITS.queueBatchBytesMax.value) {
      open = [];
      bytes = 0;
      runs.push(open);
    }
    open.push(event);
    bytes += size;
  }
  return runs;
}

export function dataBytes({ event }: ClaimedEvent): number {
  return event.data?.byteLength ?? 0;
}
