import { LIMITS } from '../contract/index.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { LogParts } from './parts.ts';
import type { Lane } from './port.ts';
import { removeRows } from './removal.ts';
import { HEAD_COLUMNS, statement, type EventHeadRow } from './statements.ts';

const BATCH = LIMITS.eventSweepBatchMax.value;
/** Each gets a reason sealed, which takes longer than a removal. */
const EXPIRED_BATCH = LIMITS.eventBatchMax.value;

/** Ends what is past its retention, in batches, so that others have their turn between them. */
export class Sweeping {
  readonly #parts: LogParts;
  readonly #dead: DeadLetters;
  #running: Promise<void> | null = null;
  /** On the steady clock. */
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(parts: LogParts, dead: DeadLetters) {
    this.#parts = parts;
    this.#dead = dead;
  }

  /** The clock was set: what looks old may not be, and nothing ends until somebody had time to set it right. */
  pause(): void {
    this.#pausedUntil = this.#parts.clock.monotonic() + LIMITS.clockJumpPauseMs.value;
  }

  /** One at a time; who comes while one runs gets that one. */
  sweep(): Promise<void> {
    this.#running ??= this.#sweep().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Resolves when none runs. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #sweep(): Promise<void> {
    if (this.#parts.clock.monotonic() < this.#pausedUntil) return;
    await this.#expire();
    await this.#removeDead();
    for (const { project, lane } of [...this.#parts.counts.entries()]) await this.#trim(project, lane);
    await this.#forgetKeys();
  }

  /** One that is being worked on is left until its lease ends. */
  async #expire(): Promise<void> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const text = `select ${HEAD_COLUMNS} from events where state != 'dead' and waiting_since <= ?
      and (lease is null or due_at <= ?) order by waiting_since limit ?`;
    const parameters = [now - LIMITS.eventRetentionMs.value, now, EXPIRED_BATCH];
    for (;;) {
      const rows = await store.query<EventHeadRow>(statement(store, text, parameters));
      await this.#dead.bury(rows.map((row) => ({ row, kind: 'expired', reason: 'expired', lease: null })));
      if (rows.length < EXPIRED_BATCH) return;
    }
  }

  async #removeDead(): Promise<void> {
    const { store, clock } = this.#parts;
    const text = `select ${HEAD_COLUMNS} from events where died_at is not null and died_at <= ? and state = 'dead'
      order by died_at limit ?`;
    const parameters = [clock.now() - LIMITS.deadRetentionMs.value, BATCH];
    for (;;) {
      const rows = await store.query<EventHeadRow>(statement(store, text, parameters));
      await removeRows(this.#parts, rows);
      if (rows.length < BATCH) return;
    }
  }

  /** Removes the oldest dead letters of a lane that has more than may be. */
  async #trim(project: string, lane: Lane): Promise<void> {
    const { store, counts } = this.#parts;
    const text = `select ${HEAD_COLUMNS} from events where project = ? and lane = ? and state = 'dead'
      order by due_at, sequence limit ?`;
    for (;;) {
      const { dead, deadBytes } = counts.of(project, lane);
      let excess = dead - counts.bounds.deadMax;
      let excessBytes = deadBytes - counts.bounds.deadBytesMax;
      if (excess <= 0 && excessBytes <= 0) return;
      const rows = await store.query<EventHeadRow>(statement(store, text, [project, lane, BATCH]));
      const oldest = rows.filter(({ bytes }) => {
        if (excess <= 0 && excessBytes <= 0) return false;
        excess -= 1;
        excessBytes -= Number(bytes);
        return true;
      });
      if ((await removeRows(this.#parts, oldest)) === 0) return;
    }
  }

  async #forgetKeys(): Promise<void> {
    const { store, clock } = this.#parts;
    const text = `delete from event_keys where (project, lane, key_hash) in
      (select project, lane, key_hash from event_keys where expires_at <= ? order by expires_at limit ?)`;
    const forget = statement(store, text, [clock.now(), BATCH]);
    for (;;) {
      const [forgotten = 0] = await store.commit([forget]);
      if (forgotten < BATCH) return;
    }
  }
}
