import { LIMITS, toCordonError } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { JwtAlgorithm } from '../../manifest/index.ts';
import { discover } from './discovery.ts';
import type { IssuerClient } from './issuer-client.ts';
import { fits, readPublicKeys } from './public-keys.ts';
import type { PublicKey, PublicKeys } from './public-keys.ts';

export interface KeySetOptions {
  /** Exact name of the issuer. */
  readonly issuer: string;
  /** URL of its keys; null: what its discovery document says. */
  readonly jwks: string | null;
  /** Closed with the set. */
  readonly client: IssuerClient;
  readonly clock: Clock;
  /** Told once when a fetch fails after one that went well, or the first, and once when one goes well again. */
  readonly changed?: (health: KeySetHealth) => void;
  /** Called when the last holder has closed it. */
  readonly onClose?: () => void;
}

/** For findings. Times in ms since the epoch. */
export interface KeySetHealth {
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
  /** Why the last fetch that failed did so; null when the one after went well. */
  readonly lastFailure: string | null;
  /** True when the keys are older than their lifetime. */
  readonly isStale: boolean;
  /** Keys that verify. */
  readonly keys: number;
  /** Why the others do not. */
  readonly ignored: readonly string[];
}

export type KeyLookup =
  | { readonly ok: true; readonly key: PublicKey }
  /** `isPassing`: the answer may be another one soon, as the keys could not be fetched. */
  | { readonly ok: false; readonly reason: string; readonly isPassing: boolean };

const UNKNOWN: KeyLookup = { ok: false, reason: 'its key is not known', isPassing: false };
const AMBIGUOUS: KeyLookup = { ok: false, reason: 'it does not say which key', isPassing: false };
const UNFIT: KeyLookup = { ok: false, reason: 'its key is not for its algorithm', isPassing: false };
const UNAVAILABLE: KeyLookup = { ok: false, reason: 'the keys of the issuer are not there', isPassing: true };
const NO_KEYS: PublicKeys = { keys: [], ignored: [] };

/**
 * The keys of one issuer, fetched when they are first needed and again before they are too old. Promises:
 * a key that the issuer takes back verifies nothing once its set was fetched again, which is at most
 * `LIMITS.jwksLifetimeMs` later; while the issuer does not answer the last good keys go on, at most for
 * `LIMITS.jwksStaleMs`; made up key ids cause one fetch each `LIMITS.jwksCooldownMs`, however many they are.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #known: PublicKeys = NO_KEYS;
  #byKid = new Map<string, PublicKey>();
  #version = 0;
  /** When the known keys were asked for, by both clocks. */
  #fetched: { readonly monotonic: number; readonly now: number } | null = null;
  #failure: { readonly at: number; readonly reason: string } | null = null;
  #lastFailedMonotonic = -Infinity;
  #lastAskedMonotonic = -Infinity;
  #fetching: Promise<void> | null = null;
  #waiting = 0;
  #holders = 1;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** Changes with the keys: what an older version vouched for has to be judged again. */
  get version(): number {
    return this.#version;
  }

  /**
   * True when what the keys verified before may be believed without a look at the issuer. Starts fetching in
   * the background when that will soon not be so.
   */
  isCurrent(): boolean {
    const age = this.#age();
    if (age >= LIMITS.jwksRefreshMs.value && this.#mayFetch()) void this.#fetch();
    if (age < LIMITS.jwksLifetimeMs.value) return true;
    // An issuer that has just failed is not waited for.
    return age < LIMITS.jwksStaleMs.value && this.#isCooling();
  }

  /** True while the key verifies. */
  has(key: PublicKey): boolean {
    return this.#age() < LIMITS.jwksStaleMs.value && this.#known.keys.some(({ id }) => id === key.id);
  }

  /** The key of a signature. Answers at once unless keys have to be fetched for it. Never throws or rejects. */
  find(algorithm: JwtAlgorithm, kid: string | null): KeyLookup | Promise<KeyLookup> {
    if (!this.isCurrent()) {
      if (this.#mayFetch()) void this.#fetch();
      if (this.#fetching !== null)
        return this.#fetching.then(() => this.#concluded(this.#lookUp(algorithm, kid)));
    }
    const found = this.#lookUp(algorithm, kid);
    return found === UNKNOWN ? this.#ask(algorithm, kid) : found;
  }

  health(): KeySetHealth {
    return {
      lastSuccessAt: this.#fetched?.now ?? null,
      lastFailureAt: this.#failure?.at ?? null,
      lastFailure: this.#failure?.reason ?? null,
      isStale: this.#age() >= LIMITS.jwksLifetimeMs.value,
      keys: this.#known.keys.length,
      ignored: this.#known.ignored,
    };
  }

  /** One more holder, who closes it as well. */
  hold(): this {
    this.#holders += 1;
    return this;
  }

  /** Ends it when every holder has called this. */
  close(): void {
    this.#holders -= 1;
    if (this.#holders !== 0) return;
    this.#options.client.close();
    this.#options.onClose?.();
  }

  #lookUp(algorithm: JwtAlgorithm, kid: string | null): KeyLookup {
    if (this.#age() >= LIMITS.jwksStaleMs.value) return UNAVAILABLE;
    if (kid !== null) {
      const key = this.#byKid.get(kid);
      if (key === undefined) return UNKNOWN;
      return fits(key, algorithm) ? { ok: true, key } : UNFIT;
    }
    const [key, ...others] = this.#known.keys.filter((candidate) => fits(candidate, algorithm));
    if (key === undefined) return UNKNOWN;
    return others.length === 0 ? { ok: true, key } : AMBIGUOUS;
  }

  /** For a key that is not known: the issuer may have changed its keys. */
  #ask(algorithm: JwtAlgorithm, kid: string | null): KeyLookup | Promise<KeyLookup> {
    if (this.#fetching === null) {
      const monotonic = this.#options.clock.monotonic();
      if (this.#holders <= 0 || monotonic - this.#lastAskedMonotonic < LIMITS.jwksCooldownMs.value)
        return this.#concluded(UNKNOWN);
      this.#lastAskedMonotonic = monotonic;
      void this.#fetch();
    }
    // Made up key ids must not fill the gateway with requests that wait for a slow issuer.
    if (this.#fetching === null || this.#waiting >= LIMITS.jwksWaitingMax.value)
      return this.#concluded(UNKNOWN);
    this.#waiting += 1;
    return this.#fetching.then(() => {
      this.#waiting -= 1;
      return this.#concluded(this.#lookUp(algorithm, kid));
    });
  }

  /** While the issuer does not answer, nobody can say that it has no such key. */
  #concluded(found: KeyLookup): KeyLookup {
    return found === UNKNOWN && this.#failure !== null ? UNAVAILABLE : found;
  }

  #mayFetch(): boolean {
    return this.#fetching === null && this.#holders > 0 && !this.#isCooling();
  }

  #isCooling(): boolean {
    return this.#options.clock.monotonic() - this.#lastFailedMonotonic < LIMITS.jwksCooldownMs.value;
  }

  /** By the clock that shows more: one stands still while the machine sleeps, the other can be set back. */
  #age(): number {
    if (this.#fetched === null) return Infinity;
    const { clock } = this.#options;
    return Math.max(clock.monotonic() - this.#fetched.monotonic, clock.now() - this.#fetched.now);
  }

  /** Never rejects. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { clock, client, issuer, jwks } = this.#options;
    // Age counts from the question: what the issuer does while it answers is not in the answer.
    const asked = { monotonic: clock.monotonic(), now: clock.now() };
    try {
      const signal = client.deadline();
      const url = jwks ?? (await discover(client, issuer, signal)).jwksUri;
      const known = readPublicKeys(await client.json(url, LIMITS.jwksBytesMax.value, signal));
      this.#adopt(known);
      this.#fetched = asked;
      const hadFailed = this.#failure !== null;
      this.#failure = null;
      if (hadFailed) this.#options.changed?.(this.health());
      this.#lastFailedMonotonic = -Infinity;
    } catch (thrown) {
      const hadFailed = this.#failure !== null;
      this.#failure = { at: clock.now(), reason: toCordonError(thrown).message };
      if (!hadFailed) this.#options.changed?.(this.health());
      this.#lastFailedMonotonic = clock.monotonic();
    }
  }

  #adopt(known: PublicKeys): void {
    const before = this.#known.keys.map(nameOf).sort();
    const after = known.keys.map(nameOf).sort();
    this.#known = known;
    this.#byKid = new Map(known.keys.flatMap((key) => (key.kid === null ? [] : [[key.kid, key] as const])));
    if (JSON.stringify(before) !== JSON.stringify(after)) this.#version += 1;
  }
}

function nameOf({ id, kid, algorithm }: PublicKey): string {
  return JSON.stringify([id, kid, algorithm]);
}
