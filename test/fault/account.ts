/** What became of an event that was offered. */
type Offer = 'acknowledged' | 'cut off' | 'refused';

/** What is there to see once everything has come to rest. */
export interface Seen {
  /** How often each event reached a function, by id and then by function. */
  readonly delivered: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly dead: ReadonlySet<string>;
  readonly waiting: ReadonlySet<string>;
}

/** The balance of all events. */
export interface Balance {
  readonly offered: number;
  readonly accepted: number;
  /** Offered and cut off by a crash: they may be there or not. */
  readonly cutOff: number;
  readonly refused: number;
  readonly delivered: number;
  readonly dead: number;
  /** By policy: an operator or a bound removed them. */
  readonly dropped: number;
  readonly waiting: number;
  /** Runs past the first of an event that was delivered: at least once is not exactly once. */
  readonly repeated: number;
  /** Acknowledged, and nowhere. */
  readonly missing: readonly string[];
  /** Reached a function that they were not for. */
  readonly astray: readonly string[];
  /** Reached a function and were never offered, or were refused. */
  readonly forged: readonly string[];
}

/** Accounts for every event: what was offered against what was seen. */
export class Account {
  readonly #offers = new Map<string, { readonly target: string; outcome: Offer }>();
  readonly #dropped = new Set<string>();

  /** An event is about to be offered; until `settle` it counts as cut off. */
  offer(id: string, target: string): void {
    this.#offers.set(id, { target, outcome: 'cut off' });
  }

  settle(id: string, outcome: Offer): void {
    const offer = this.#offers.get(id);
    // Once acknowledged it stays so, whatever becomes of a second attempt.
    if (offer !== undefined && offer.outcome !== 'acknowledged') offer.outcome = outcome;
  }

  drop(id: string): void {
    this.#dropped.add(id);
  }

  get acknowledged(): number {
    return this.#count('acknowledged');
  }

  balance({ delivered, dead, waiting }: Seen): Balance {
    const missing: string[] = [];
    const astray: string[] = [];
    let repeated = 0;
    for (const [id, { target, outcome }] of this.#offers) {
      const runs = delivered.get(id);
      const isThere = runs !== undefined || dead.has(id) || waiting.has(id) || this.#dropped.has(id);
      if (outcome === 'acknowledged' && !isThere) missing.push(id);
      for (const [fn, times] of runs ?? []) {
        if (fn !== target) astray.push(`${id} for ${target} reached ${fn}`);
        else repeated += times - 1;
      }
    }
    const forged = [...delivered.keys()].filter((id) => {
      const offer = this.#offers.get(id);
      return offer === undefined || offer.outcome === 'refused';
    });
    return {
      offered: this.#offers.size,
      accepted: this.acknowledged,
      cutOff: this.#count('cut off'),
      refused: this.#count('refused'),
      delivered: delivered.size,
      dead: dead.size,
      dropped: this.#dropped.size,
      waiting: waiting.size,
      repeated,
      missing,
      astray,
      forged,
    };
  }

  #count(outcome: Offer): number {
    return [...this.#offers.values()].filter((offer) => offer.outcome === outcome).length;
  }
}

/** One line for people. */
export function tell(title: string, balance: Balance): string {
  const { offered, accepted, cutOff, refused, delivered, dead, dropped, waiting, repeated } = balance;
  return (
    `${title}: offered ${offered}, accepted ${accepted}, cut off ${cutOff}, refused ${refused}; ` +
    `delivered ${delivered} (${repeated} repeated), dead ${dead}, dropped ${dropped}, waiting ${waiting}; ` +
    `missing ${balance.missing.length}, astray ${balance.astray.length}, forged ${balance.forged.length}`
  );
}
