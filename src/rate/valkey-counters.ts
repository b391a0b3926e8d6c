import { hash } from 'node:crypto';
import { CordonError } from '../contract/index.ts';
import type { Clock, Secret } from '../contract/index.ts';
import { checkAsk, describe } from './bucket.ts';
import { MemoryCounters } from './memory-counters.ts';
import type { Ask, Counters, Taken } from './port.ts';
import { ValkeyLink } from './valkey-link.ts';
import { TAKE_SCRIPT } from './valkey-script.ts';

/** What happens to requests while Valkey cannot be reached. */
export type CountersFallback = 'local' | 'closed';

export interface ValkeyCountersOptions {
  /** `rediss://user:password@host:port/database`; `redis://` to loopback alone, unless `unsafePlaintext`. */
  readonly url: Secret;
  readonly unsafePlaintext?: boolean;
  /** Certificates (PEM) of the authorities to believe. Default: those of the system. */
  readonly ca?: string;
  /** Begin of the names of keys. Default `cordon:rate:`. */
  readonly prefix?: string;
  /**
   * `local`: each node holds its callers to the whole limit by itself, so that no more than nodes times the
   * limit passes, and once the limit again when Valkey is back. `closed`: nobody passes. Default `local`.
   */
  readonly fallback?: CountersFallback;
  readonly clock?: Clock;
  /** Random number from 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Told once when Valkey is lost and once when it is back; `reason` is one word without secrets. */
  readonly changed: (up: boolean, reason: string) => void;
}

/**
 * Buckets in Valkey or Redis, which all nodes share. The server must not evict keys that have a time to live
 * (`maxmemory-policy noeviction`): an evicted bucket is a full one.
 */
export class ValkeyCounters implements Counters {
  readonly #link: ValkeyLink;
  readonly #local: MemoryCounters | null;
  readonly #prefix: string;

  constructor(options: ValkeyCountersOptions) {
    const { clock, random = Math.random, fallback = 'local', prefix = 'cordon:rate:' } = options;
    this.#link = new ValkeyLink(TAKE_SCRIPT, { ...options, random });
    this.#local = fallback === 'closed' ? null : new MemoryCounters(clock === undefined ? {} : { clock });
    this.#prefix = prefix;
  }

  /** Resolves once Valkey was reached, or was found not to be there; it is looked for from then on. */
  open(): Promise<void> {
    return this.#link.open();
  }

  take(asks: readonly Ask[]): readonly Taken[] | Promise<readonly Taken[]> {
    for (const ask of asks) checkAsk(ask);
    if (asks.length === 0) return [];
    return this.#link.up ? this.#takeShared(asks) : this.#takeAlone(asks);
  }

  close(): void {
    this.#link.close();
    this.#local?.close();
  }

  async #takeShared(asks: readonly Ask[]): Promise<readonly Taken[]> {
    const keys = asks.map(({ key }) => this.#prefix + hash('sha256', key, 'base64url'));
    const values = asks.flatMap(({ bucket, cost = 1 }) => [
      bucket.count,
      bucket.periodMs,
      bucket.burst,
      cost,
    ]);
    let answer: unknown;
    try {
      answer = await this.#link.run(keys, values);
    } catch {
      return this.#takeAlone(asks);
    }
    return asks.map(({ bucket }, i) => describe(bucket, readMs(answer, 2 * i), readMs(answer, 2 * i + 1)));
  }

  #takeAlone(asks: readonly Ask[]): readonly Taken[] {
    if (this.#local === null) throw new CordonError('CORDON_COUNTERS_UNAVAILABLE');
    return this.#local.take(asks);
  }
}

function readMs(answer: unknown, index: number): number {
  const text: unknown = Array.isArray(answer) ? answer[index] : undefined;
  if (text === 'never') return Number.POSITIVE_INFINITY;
  const ms = typeof text === 'string' ? Number(text) : Number.NaN;
  // Whatever answers like this keeps no counters; nobody passes on its word.
  if (!Number.isFinite(ms)) throw new CordonError('CORDON_COUNTERS_UNAVAILABLE', 'Valkey gave no numbers.');
  return ms;
}
