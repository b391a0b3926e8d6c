import type { Slot as SheddersSlot } from '../../rate/index.ts';

/** What a request holds while it is served. Given back exactly once, however the request ends. */
export class Slot {
  readonly #giveBack: (() => void)[] = [];
  readonly #place: SheddersSlot;
  #leave: (() => void) | null;
  #isHeld = true;

  /** `leave`: takes it out of the requests in flight. `place`: what the shedder has let in. */
  constructor(place: SheddersSlot, leave: () => void) {
    this.#place = place;
    this.#leave = leave;
  }

  /** Adds something that is given back at the end. */
  add(giveBack: () => void): void {
    if (this.#isHeld) this.#giveBack.push(giveBack);
    else giveBack();
  }

  /** An instance has taken it up. */
  assigned(instance: string): void {
    this.#place.assigned(instance);
  }

  /**
   * The head of the answer is there. `measured`: false where the time until then says nothing about the
   * function, as it waited for its caller.
   */
  answered(measured: boolean): void {
    this.#place.done(measured);
  }

  /** It is a request no more, but an open connection: a WebSocket, which is counted among its own kind. */
  accepted(): void {
    this.#place.done(false);
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.accepted();
    for (const giveBack of this.#giveBack) giveBack();
  }
}
