import type { ErrorCode } from '../contract/index.ts';
import type { ClaimedEvent } from '../events/index.ts';
import type { RunResult } from './outcome.ts';

/** Ends of a whole instance, with all that ran in it. */
const INSTANCE_ENDS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CORDON_FUNCTION_CRASHED',
  'CORDON_FUNCTION_MEMORY',
  'CORDON_CHANNEL_VIOLATION',
]);

/**
 * Events that were in an instance when it ended: one of them may have ended it. Each runs alone from then on, and
 * what happened before it did is held against none. It is a memory of this process, of at most so many events.
 */
export class Suspects {
  readonly #ids = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has({ id }: ClaimedEvent): boolean {
    return this.#ids.has(id);
  }

  /** Notes how a run ended. True: its events may be innocent, and get another attempt for this one. */
  judge(events: readonly ClaimedEvent[], result: RunResult, wasAlone: boolean): boolean {
    const isEnd = result.kind === 'failed' && INSTANCE_ENDS.has(result.error.code);
    if (!isEnd || wasAlone || this.#ids.size + events.length > this.#max) return false;
    for (const { id } of events) this.#ids.add(id);
    return true;
  }

  /** The event is done or dead. */
  forget({ id }: ClaimedEvent): void {
    this.#ids.delete(id);
  }
}
