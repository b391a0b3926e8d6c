import { LIMITS } from '../contract/index.ts';
import type { FlatHeaders } from './port.ts';

/** Field of an exchange that says how many events and calls stand behind it. Only the platform sets it. */
export const HOPS_FIELD = 'x-cordon-hops';

/** How many events and calls stand behind an exchange: 0 without the field, and as many as may be where it cannot be read. */
export function hopsOf(headers: FlatHeaders, field = HOPS_FIELD): number {
  let highest = 0;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.length !== field.length || name.toLowerCase() !== field) continue;
    const text = headers[index + 1] ?? '';
    const hops = /^\d{1,9}$/.test(text) ? Number(text) : LIMITS.eventHopsMax.value;
    highest = Math.max(highest, hops);
  }
  return highest;
}

/** What stood behind the requests that ended in an instance, for what their code does after that; of the last `instanceHopsKept`. */
export class EndedHops {
  readonly #hops = new Map<number, number>();

  add(stream: number, hops: number): void {
    this.#hops.set(stream, hops);
    if (this.#hops.size <= LIMITS.instanceHopsKept.value) return;
    const [oldest] = this.#hops.keys();
    if (oldest !== undefined) this.#hops.delete(oldest);
  }

  /** Of one that is not known, such as code that runs for no request: the most of all that are. */
  of(stream: number): number {
    return this.#hops.get(stream) ?? Math.max(0, ...this.#hops.values());
  }
}
