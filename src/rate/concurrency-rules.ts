import { LIMITS } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { ConcurrencySpec, Per } from '../manifest/index.ts';
import { Scope } from './scope.ts';
import type { RouteScope, Who } from './scope.ts';

/** What is held while a request or a connection is open. */
export interface Held {
  readonly allowed: true;
  /** Gives it back. Further calls do nothing. */
  release(): void;
}

export interface NotHeld {
  readonly allowed: false;
  /** CORDON_RATE_LIMITED where the caller has too much open; CORDON_OVERLOADED where all callers together have. */
  readonly code: ErrorCode;
  /** For the operator. */
  readonly reason: string;
  /** Response fields as [name, value, …]. */
  readonly fields: readonly string[];
}

const RETRY_AFTER = ['retry-after', '1'] as const;
const NOTHING_HELD: Held = { allowed: true, release: () => undefined };

/** How much each caller has open on this node. Only who has something open takes up memory. */
export class OpenCounts {
  readonly #keysMax: number;
  readonly #open = new Map<string, number>();

  /** `keysMax` defaults to `LIMITS.concurrencyKeysMax`. */
  constructor(keysMax: number = LIMITS.concurrencyKeysMax.value) {
    this.#keysMax = keysMax;
  }

  /** Callers who have something open. */
  get size(): number {
    return this.#open.size;
  }

  /** False where `countMax` are open already, or nobody more can be counted. */
  add(key: string, countMax: number): boolean {
    const count = this.#open.get(key) ?? 0;
    if (count >= countMax || (count === 0 && this.#open.size >= this.#keysMax)) return false;
    this.#open.set(key, count + 1);
    return true;
  }

  remove(key: string): void {
    const count = (this.#open.get(key) ?? 1) - 1;
    if (count === 0) this.#open.delete(key);
    else this.#open.set(key, count);
  }
}

/** How much may be open at once on one route. Each node counts by itself. */
export class ConcurrencyRules {
  readonly #counts: OpenCounts;
  readonly #rules: readonly { readonly spec: ConcurrencySpec; readonly scope: Scope }[];

  constructor(counts: OpenCounts, specs: readonly ConcurrencySpec[], scope: RouteScope) {
    this.#counts = counts;
    this.#rules = specs.map((spec) => ({ spec, scope: new Scope(spec.per, `open ${spec.count}`, scope) }));
  }

  /** Takes a place under each rule or, where one refuses, under none. */
  enter(who: Who): Held | NotHeld {
    if (this.#rules.length === 0) return NOTHING_HELD;
    const held: string[] = [];
    for (const { spec, scope } of this.#rules) {
      const key = scope.keyOf(who);
      if (!this.#counts.add(key, spec.count)) {
        this.#release(held);
        return refused(spec.per);
      }
      held.push(key);
    }
    return { allowed: true, release: () => this.#release(held) };
  }

  #release(held: string[]): void {
    for (const key of held.splice(0)) this.#counts.remove(key);
  }
}

function refused(per: Per): NotHeld {
  const shared = per === 'route' || per === 'project';
  const code = shared ? 'CORDON_OVERLOADED' : 'CORDON_RATE_LIMITED';
  return { allowed: false, code, reason: `open at once per ${per}`, fields: RETRY_AFTER };
}
