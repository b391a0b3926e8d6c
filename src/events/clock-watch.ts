import { ClockJumps, LIMITS } from '../contract/index.ts';
import type { Write } from '../store/index.ts';
import type { LaneName } from './lane-name.ts';
import type { LogParts } from './parts.ts';
import { statement } from './statements.ts';
import type { Sweeping } from './sweeping.ts';

/** No event is due later than this from now, unless its time was told by another clock. */
const DUE_MS_MAX = LIMITS.eventDelayMsMax.value;

/** What an earlier process put off until a time that is too far away: its clock was ahead of this one. */
export function dueByAnotherClock(
  { store, clock }: Pick<LogParts, 'store' | 'clock'>,
  lanes: readonly LaneName[],
): Write[] {
  const now = clock.now();
  // Lane by lane, as the index is: a start looks at none of what waits in its time.
  const text = `update events set due_at = ? where project = ? and lane = ? and state = 'waiting' and due_at > ?`;
  return lanes.map(({ project, lane }) => statement(store, text, [now, project, lane, now + DUE_MS_MAX]));
}

/** Keeps the log going when the clock of the machine is set. */
export class ClockWatch {
  readonly #parts: LogParts;
  readonly #sweeping: Pick<Sweeping, 'pause'>;
  readonly #jumps: ClockJumps;
  /** By how much what is not due is to be shifted, ms. */
  #owed = 0;
  #mending: Promise<void> | null = null;

  constructor(parts: LogParts, sweeping: Pick<Sweeping, 'pause'>) {
    this.#parts = parts;
    this.#sweeping = sweeping;
    this.#jumps = new ClockJumps(parts.clock);
  }

  /**
   * Null, or what has to be waited for until what waits is due on the clock as it is now. What was to be due in an
   * hour is so after the clock was set back by a day, not after a day and an hour. Errors: those of the store.
   */
  mind(): Promise<void> | null {
    const jump = this.#jumps.look();
    if (jump !== 0) {
      this.#sweeping.pause();
      this.#report(jump);
      if (jump < 0) this.#owed += jump;
    }
    if (this.#owed === 0) return null;
    this.#mending ??= this.#shift().finally(() => {
      this.#mending = null;
    });
    return this.#mending;
  }

  async #shift(): Promise<void> {
    const { store, clock } = this.#parts;
    const by = this.#owed;
    const text = `update events set due_at = due_at + ? where state != 'dead' and due_at > ?`;
    await store.commit([statement(store, text, [by, clock.now()])]);
    this.#owed -= by;
  }

  #report(jump: number): void {
    this.#parts.evidence.record({
      kind: 'platform.degraded',
      severity: 'medium',
      app: null,
      function: null,
      instance: null,
      request: null,
      reason: 'clock-set',
      detail: { byMs: Math.round(jump) },
    });
  }
}
