import ipaddr from 'ipaddr.js';
import { LIMITS } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import { isSuspicious } from './reasons.ts';

/** IPv6 hands out networks of this size: one caller has all of its addresses. */
const IPV6_SOURCE_BITS = 64;

/** A source, or a credential, that has just crossed its limit: the security event `auth.stuffing`. */
export interface Stuffing {
  readonly by: 'source' | 'credential';
  /** Address or network, such as `192.0.2.1` or `2001:db8::/64`; or the id that is claimed. */
  readonly name: string;
  readonly failures: number;
  readonly windowMs: number;
}

interface Count {
  failures: number;
  /** Monotonic ms. */
  readonly until: number;
}

/**
 * Counts failed authentications by source and by the credential that is claimed. Promises: a source past
 * `LIMITS.authFailuresPerSourceMax` in a window is to be refused for `LIMITS.authCooldownMs`; each crossing is
 * told once; memory is bounded whatever the number of sources, and one that is refused is not forgotten for
 * others that merely fail. A credential is never refused by its count, or anyone could lock out its owner.
 */
export class FailureCounter {
  readonly #clock: Clock;
  readonly #sources = new Counts(LIMITS.authFailuresPerSourceMax.value);
  readonly #credentials = new Counts(LIMITS.authFailuresPerCredentialMax.value);
  /** Until when a source is refused, in monotonic ms. Oldest first. */
  readonly #refused = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sources and credentials that are kept in memory. */
  get size(): number {
    return this.#sources.size + this.#credentials.size + this.#refused.size;
  }

  /** How long credentials of this source that are not known yet are to be refused, in ms; 0 for not at all. */
  refusedFor(address: string): number {
    // The ordinary case: nobody is refused.
    if (this.#refused.size === 0) return 0;
    const source = sourceOf(address);
    const until = this.#refused.get(source);
    if (until === undefined) return 0;
    const left = until - this.#clock.monotonic();
    if (left > 0) return left;
    this.#refused.delete(source);
    return 0;
  }

  /**
   * Counts a failure. `credential`: the public id that was claimed, null where there is none. Returns what
   * crossed its limit by this one, to be recorded; almost always nothing. Failures of honest callers (see
   * `isSuspicious`) and those while the source is refused do not count.
   */
  failed(address: string, credential: string | null, reason: string): readonly Stuffing[] {
    if (!isSuspicious(reason) || this.refusedFor(address) > 0) return [];
    const now = this.#clock.monotonic();
    const source = sourceOf(address);
    const crossed: Stuffing[] = [];
    const bySource = this.#sources.add(source, now);
    if (bySource !== null) {
      this.#sources.forget(source);
      this.#refuse(source, now);
      crossed.push(stuffing('source', source, bySource));
    }
    const byCredential = credential === null ? null : this.#credentials.add(credential, now);
    if (credential !== null && byCredential !== null)
      crossed.push(stuffing('credential', credential, byCredential));
    return crossed;
  }

  #refuse(source: string, now: number): void {
    this.#refused.delete(source);
    this.#refused.set(source, now + LIMITS.authCooldownMs.value);
    if (this.#refused.size <= LIMITS.authSourcesMax.value) return;
    const [oldest] = this.#refused.keys();
    if (oldest !== undefined) this.#refused.delete(oldest);
  }
}

/**
 * Failures by name, each in a window that its first failure begins. Names that were not seen for long go all
 * at once, half of what is kept: finding the oldest one each time would be the slower the more there are.
 */
class Counts {
  readonly #most: number;
  #recent = new Map<string, Count>();
  #older = new Map<string, Count>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** The number of failures when this one is the first past the limit. */
  add(name: string, now: number): number | null {
    const known = this.#recent.get(name) ?? this.#older.get(name);
    const count =
      known !== undefined && known.until > now
        ? known
        : { failures: 0, until: now + LIMITS.authFailureWindowMs.value };
    count.failures += 1;
    this.#recent.set(name, count);
    if (this.#recent.size >= LIMITS.authSourcesMax.value / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    return count.failures === this.#most + 1 ? count.failures : null;
  }

  forget(name: string): void {
    this.#recent.delete(name);
    this.#older.delete(name);
  }
}

function stuffing(by: Stuffing['by'], name: string, failures: number): Stuffing {
  return { by, name, failures, windowMs: LIMITS.authFailureWindowMs.value };
}

/** The address of IPv4, the /64 of IPv6. What is no address is a source of its own. */
export function sourceOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address;
  const parsed = ipaddr.IPv6.parse(address.split('%')[0] ?? address);
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${IPV6_SOURCE_BITS}`);
  return `${network.toString()}/${IPV6_SOURCE_BITS}`;
}
