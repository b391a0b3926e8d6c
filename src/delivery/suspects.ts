import { LIMITS } from '../contract/index.ts';
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
const NO_PLACE: ErrorCode = 'CORDON_OVERLOADED';

/**
 * Events that were in an instance when it ended: one of them may have ended it. Each runs alone from then on, and
 * what happened before it did is held against none. One that finds no empty instance, however often it asks, runs
 * beside others again, and pays for what happens there. It is a memory of this process, of at most so many events.
 */
export class Suspects {
  /** How often each found no instance for itself. */
  readonly #ids = new Map<string, number>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  has({ id }: ClaimedEvent): boolean {
    return this.#ids.has(id);
  }

  /** Whether it is still worth while to ask for an instance for it alone. */
  isAlone({ id }: ClaimedEvent): boolean {
    const refused = this.#ids.get(id);
    return refused !== undefined && refused < LIMITS.eventAloneAttemptsMax.value;
  }

  /** Notes how a run ended. True: its events may be innocent, and get another attempt for this one. */
  judge(events: readonly ClaimedEvent[], result: RunResult, wasAlone: boolean): boolean {
    if (result.kind !== 'failed') return false;
    const { code } = result.error;
    if (wasAlone && code === NO_PLACE) for (const event of events) this.#refused(event);
    const isHopeless = events.some(({ id }) => this.#ids.has(id));
    if (wasAlone || isHopeless || this.#ids.size + events.length > this.#max) return false;
    const isEnd = INSTANCE_ENDS.has(code);
    if (isEnd || code === OVERRUN) for (const { id } of events) this.#ids.set(id, 0);
    return isEnd;
  }

  #refused({ id }: ClaimedEvent): void {
    const refused = this.#ids.get(id);
    if (refused !== undefined || this.#ids.size < this.#max) this.#ids.set(id, (refused ?? 0) + 1);
  }

  /** The event is done or dead. */
  forget({ id }: ClaimedEvent): void {
    this.#ids.delete(id);
  }
}
