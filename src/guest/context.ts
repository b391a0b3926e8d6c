/** What a handler gets as its third argument. */
export class ExecutionContext {
  readonly props = {};
  readonly #pending: Promise<unknown>[] = [];

  /** Keeps the event alive until the promise settles, at most until its time limit. */
  waitUntil(promise: unknown): void {
    this.#pending.push(Promise.resolve(promise));
  }

  /** Workers' fallback to an origin: here there is none, so it does nothing. */
  passThroughOnException(): void {}

  /** True when nothing was given to `waitUntil` since the last `settle`. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  async settle(report: (thrown: unknown) => void): Promise<void> {
    for (let promise = this.#pending.shift(); promise !== undefined; promise = this.#pending.shift()) {
      try {
        await promise;
      } catch (thrown) {
        report(thrown);
      }
    }
  }
}
