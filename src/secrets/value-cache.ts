/** Values by project and name. A read that a change overtook is answered, but not kept. */
export class ValueCache {
  readonly #entriesMax: number;
  /** Least recently used first. */
  readonly #values = new Map<string, string>();
  readonly #reading = new Map<string, Promise<string | null>>();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  async get(project: string, name: string, read: () => Promise<string | null>): Promise<string | null> {
    const key = keyOf(project, name);
    const known = this.#values.get(key);
    if (known !== undefined) {
      this.#keep(key, known);
      return known;
    }
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = read();
    this.#reading.set(key, reading);
    try {
      const value = await reading;
      if (value !== null && this.#reading.get(key) === reading) this.#keep(key, value);
      return value;
    } finally {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    }
  }

  /** Forgets the value, and what is being read now. */
  drop(project: string, name: string): void {
    const key = keyOf(project, name);
    this.#values.delete(key);
    this.#reading.delete(key);
  }

  #keep(key: string, value: string): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#entriesMax) return;
    const [oldest = ''] = this.#values.keys();
    this.#values.delete(oldest);
  }
}

function keyOf(project: string, name: string): string {
  return JSON.stringify([project, name]);
}
