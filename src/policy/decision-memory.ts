import { LIMITS } from '../contract/index.ts';
import type { PolicyDecision } from './port.ts';

/**
 * Decisions that were made, by everything that went into them: policies are a pure function of the data that
 * they are sent, so that the same data has the same decision for as long as the policies are the same. What
 * changes with every request, such as the time where a policy reads it, is never found again; the least
 * recently used go first.
 */
export class DecisionMemory {
  readonly #decisionsMax: number;
  readonly #decisions = new Map<string, PolicyDecision>();

  /** `decisionsMax` defaults to `LIMITS.policyDecisionsMax`. */
  constructor(decisionsMax: number = LIMITS.policyDecisionsMax.value) {
    this.#decisionsMax = decisionsMax;
  }

  get size(): number {
    return this.#decisions.size;
  }

  get(key: string): PolicyDecision | undefined {
    const known = this.#decisions.get(key);
    if (known === undefined) return undefined;
    this.#decisions.delete(key);
    this.#decisions.set(key, known);
    return known;
  }

  keep(key: string, decision: PolicyDecision): void {
    if (key.length > LIMITS.policyDecisionKeyCharsMax.value) return;
    this.#decisions.set(key, decision);
    if (this.#decisions.size <= this.#decisionsMax) return;
    const [oldest] = this.#decisions.keys();
    if (oldest !== undefined) this.#decisions.delete(oldest);
  }

  clear(): void {
    this.#decisions.clear();
  }
}
