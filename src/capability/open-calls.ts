import type { CallerContext } from './port.ts';

/** Counts what each instance has open of one kind. */
export class OpenCalls {
  readonly #max: number;
  readonly #counts = new WeakMap<CallerContext, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** False when there is no room. */
  enter(context: CallerContext): boolean {
    const count = this.#counts.get(context) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(context, count + 1);
    return true;
  }

  leave(context: CallerContext): void {
    this.#counts.set(context, (this.#counts.get(context) ?? 1) - 1);
  }
}
