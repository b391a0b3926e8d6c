import type { ErrorCode } from '../contract/index.ts';
import type { ClaimedEvent } from '../events/index.ts';
import type { RunResult } from './outcome.ts';

/** Ends of a whole instance, with all that ran in it. */
const INSTANCE_ENDS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CORDON_FUNCTION_CRASHED',
  'CORDON_FUNCTION_MEMORY',
  'CORDON_CHANNEL_VIOLATION',
]);
/** A loop lets nothing else in its instance come to its end. The attempt counts all the same. */
const OVERRUN: ErrorCode = 'CORDON_FUNCTION_TIMEOUT';

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
    if (result.kind !== 'failed' || wasAlone || this.#ids.size + events.length > this.#max) return false;
    const { code } = result.error;
    const isEnd = INSTANCE_ENDS.has(code);
    if (isEnd || code === OVERRUN) for (const { id } of events) this.#ids.add(id);
    return isEnd;
  }

  /** The event is done or dead. */
  forget({ id }: ClaimedEvent): void {
    this.#ids.delete(id);
  }
}
