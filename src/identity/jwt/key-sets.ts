import type { Clock } from '../../contract/index.ts';
import type { Resolver } from '../../egress/index.ts';
import { IssuerClient } from './issuer-client.ts';
import { KeySet } from './key-set.ts';
import type { KeySetHealth } from './key-set.ts';

export interface KeySetsOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** Told when an issuer does not give its keys, and when it does again; see `KeySetOptions.changed`. */
  readonly changed?: (issuer: string, health: KeySetHealth) => void;
  /** More certificates to trust than those of the runtime, in PEM. */
  readonly ca?: readonly string[] | undefined;
}

/** Where the keys of an issuer come from; see `JwtSpec`. */
export interface KeySource {
  readonly issuer: string;
  readonly jwks: string | null;
  readonly unsafePrivate: boolean;
}

/**
 * The key sets that are in use. Authenticators with the same source share one, so that a deployment begins
 * with the keys of the one before it, also while the issuer does not answer.
 */
export class KeySets {
  readonly #options: KeySetsOptions;
  readonly #open = new Map<string, { readonly source: KeySource; readonly set: KeySet }>();

  constructor(options: KeySetsOptions) {
    this.#options = options;
  }

  /** Whoever opens it has to close it. */
  open(source: KeySource): KeySet {
    const { issuer, jwks, unsafePrivate } = source;
    const name = JSON.stringify([issuer, jwks, unsafePrivate]);
    const known = this.#open.get(name);
    if (known !== undefined) return known.set.hold();
    const { resolver, clock, ca, changed } = this.#options;
    const client = new IssuerClient({ resolver, unsafePrivate, ca });
    const set = new KeySet({
      issuer,
      jwks,
      client,
      clock,
      changed: (health) => changed?.(issuer, health),
      onClose: () => this.#open.delete(name),
    });
    this.#open.set(name, { source: { issuer, jwks, unsafePrivate }, set });
    return set;
  }

  /** How each of them is, for findings. */
  health(): readonly (KeySource & KeySetHealth)[] {
    return [...this.#open.values()].map(({ source, set }) => ({ ...source, ...set.health() }));
  }
}
