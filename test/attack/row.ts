import type { SecurityEventKind } from '../../src/evidence/index.ts';
import type { Stage } from './stage.ts';

/** What an attack was seen to do. It starts as blocked and harmless; a row adds what speaks against it. */
export class Verdict {
  readonly notBlocked: string[] = [];
  readonly harm: string[] = [];
  readonly notes: string[] = [];

  /** Says that something was let through. */
  passed(what: string): void {
    this.notBlocked.push(what);
  }

  /** Says that something was harmed. */
  harmed(what: string): void {
    this.harm.push(what);
  }

  /** A fact for the report. */
  note(what: string): void {
    this.notes.push(what);
  }

  /** Lets through what is not as expected. */
  expect(isBlocked: boolean, what: string): void {
    if (!isBlocked) this.passed(what);
  }

  unharmed(isUnharmed: boolean, what: string): void {
    if (!isUnharmed) this.harmed(what);
  }
}

/** One row of the table of attacks. */
export interface Row {
  readonly id: string;
  readonly title: string;
  /** Kinds of security event of which one must have been recorded; null where none is asked for. */
  readonly event: readonly SecurityEventKind[] | null;
  /** Attacks, looks, and says what it saw. A throw counts as not blocked. */
  attack(stage: Stage, verdict: Verdict): Promise<void>;
  /** Does what a well-meaning caller or author does in the same place. Throws when it is refused. */
  twin(stage: Stage): Promise<void>;
}

/** A row of the report. */
export interface RowReport {
  readonly id: string;
  readonly title: string;
  readonly blocked: boolean;
  readonly harmed: boolean;
  readonly falsePositive: boolean;
  /** Kind of the security event that was recorded; null where there is none. */
  readonly event: string | null;
  readonly detail: string;
  readonly ms: number;
}
