/** Counts what is open by its age: recent is what came since the last change of generations, or the one before. */
export class Generations {
  #current = 0;
  #previous = 0;
  #older = 0;
  #number = 0;

  get recent(): number {
    return this.#current + this.#previous;
  }

  get all(): number {
    return this.recent + this.#older;
  }

  /** Adds one; returns the generation to `remove` it from. */
  add(): number {
    this.#current += 1;
    return this.#number;
  }

  /** True where it was recent. */
  remove(generation: number): boolean {
    if (generation === this.#number) this.#current -= 1;
    else if (generation === this.#number - 1) this.#previous -= 1;
    else {
      this.#older -= 1;
      return false;
    }
    return true;
  }

  age(): void {
    this.#older += this.#previous;
    this.#previous = this.#current;
    this.#current = 0;
    this.#number += 1;
  }
}
