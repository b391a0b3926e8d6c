import type { Clock } from '../contract/index.ts';
import type { Verdict } from './port.ts';

export interface VerdictCacheOptions {
  readonly clock: Clock;
  readonly acceptedMax: number;
  readonly acceptedMs: number;
  readonly refusedMax: number;
  readonly refusedMs: number;
}

interface Entry {
  readonly verdict: Verdict;
  /** Monotonic ms, so that a clock that is set back prolongs nothing. */
  readonly until: number;
}

/**
 * Verdicts by a digest of the credential, never by the credential. Those that refuse are kept apart, so that
 * a flood of garbage drives out no caller. An accepted one ends with its caller's `expiresAt` by the wall
 * clock, and after that time by the monotonic one too.
 */
export class VerdictCache {
  readonly #options: VerdictCacheOptions;
  /** Least recently used first, both. */
  readonly #accepted = new Map<string, Entry>();
  readonly #refused = new Map<string, Entry>();

  constructor(options: VerdictCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#accepted.size + this.#refused.size;
  }

  get(digest: string): Verdict | null {
    return this.#from(this.#accepted, digest) ?? this.#from(this.#refused, digest);
  }

  keep(digest: string, verdict: Verdict): void {
    const { clock, acceptedMax, acceptedMs, refusedMax, refusedMs } = this.#options;
    const monotonic = clock.monotonic();
    if (!verdict.ok) {
      put(this.#refused, digest, { verdict, until: monotonic + refusedMs }, refusedMax);
      return;
    }
    const { expiresAt } = verdict.caller;
    const left = expiresAt === null ? Infinity : expiresAt - clock.now();
    put(this.#accepted, digest, { verdict, until: monotonic + Math.min(acceptedMs, left) }, acceptedMax);
  }

  clear(): void {
    this.#accepted.clear();
    this.#refused.clear();
  }

  #from(entries: Map<string, Entry>, digest: string): Verdict | null {
    const entry = entries.get(digest);
    if (entry === undefined) return null;
    entries.delete(digest);
    const { clock } = this.#options;
    const { verdict, until } = entry;
    if (until <= clock.monotonic()) return null;
    if (verdict.ok && verdict.caller.expiresAt !== null && verdict.caller.expiresAt <= clock.now())
      return null;
    entries.set(digest, entry);
    return verdict;
  }
}

function put(entries: Map<string, Entry>, digest: string, entry: Entry, most: number): void {
  entries.delete(digest);
  entries.set(digest, entry);
  if (entries.size <= most) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
