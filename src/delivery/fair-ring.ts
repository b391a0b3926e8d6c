/** What a member may take in one round. */
const QUANTUM = 1;

/**
 * Whose turn it is: deficit round robin (Shreedhar and Varghese, 1995), in the form in which a member may take more
 * than it has and then sits out the rounds that it owes. Of members that all want, each gets the same within what
 * one of them takes at once; a member that wants nothing costs nobody a turn.
 */
export class FairRing<K> {
  /** Members in the order of their turns, with what each may take. */
  readonly #credits = new Map<K, number>();

  get size(): number {
    return this.#credits.size;
  }

  some(wanted: (member: K) => boolean): boolean {
    for (const member of this.#credits.keys()) if (wanted(member)) return true;
    return false;
  }

  /** At the end of the round. One that is there keeps its place. */
  add(member: K): void {
    if (!this.#credits.has(member)) this.#credits.set(member, QUANTUM);
  }

  remove(member: K): void {
    this.#credits.delete(member);
  }

  /** The member whose turn it is among those that want one; null: none does. */
  next(wants: (member: K) => boolean): K | null {
    let rounds = Number.POSITIVE_INFINITY;
    const waiting: K[] = [];
    for (const [member, credit] of this.#credits) {
      if (!wants(member)) continue;
      if (credit > 0) return member;
      waiting.push(member);
      rounds = Math.min(rounds, Math.floor(-credit / QUANTUM) + 1);
    }
    // All of them owe: as many rounds pass at once as the one needs that owes the least.
    let first: K | null = null;
    for (const member of waiting) {
      const credit = (this.#credits.get(member) ?? 0) + rounds * QUANTUM;
      this.#credits.set(member, credit);
      if (credit > 0) first ??= member;
    }
    return first;
  }

  /** Says what a member took: its turn is over. */
  charge(member: K, cost: number): void {
    const credit = this.#credits.get(member);
    if (credit === undefined) return;
    this.#credits.delete(member);
    this.#credits.set(member, credit - cost);
  }
}
