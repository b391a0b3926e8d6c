import { lookup } from 'node:dns/promises';
import { LIMITS, systemClock } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';

/** Looks names up. What it answers is judged by who asks; it decides nothing. */
export interface Resolver {
  /** All addresses of a name, in order of preference. Errors: whatever the system says. */
  resolve(name: string): Promise<readonly string[]>;
}

interface Remembered {
  readonly addresses: Promise<readonly string[]>;
  readonly until: number;
}

/**
 * The resolver of the machine, with its hosts file. It asks for few names at a time, because each takes a
 * thread from those that the files need as well, and remembers answers for a moment.
 */
export class SystemResolver implements Resolver {
  readonly #clock: Clock;
  readonly #known = new Map<string, Remembered>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  resolve(name: string): Promise<readonly string[]> {
    const known = this.#known.get(name);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.addresses;
    this.#known.delete(name);
    const addresses = this.#ask(name);
    addresses.catch(() => this.#known.delete(name));
    this.#known.set(name, {
      addresses,
      until: this.#clock.monotonic() + LIMITS.egressNameCacheMs.value,
    });
    if (this.#known.size > LIMITS.egressNamesCachedMax.value) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return addresses;
  }

  async #ask(name: string): Promise<readonly string[]> {
    if (this.#running >= LIMITS.egressLookupsMax.value)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      const found = await lookup(name, { all: true, order: 'verbatim' });
      return found.map(({ address }) => address);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
