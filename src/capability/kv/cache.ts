/** What costs memory besides the bytes of a key and a value, roughly. */
const ENTRY_BYTES = 200;

interface Cached<T> {
  readonly entry: T;
  readonly bytes: number;
}

/**
 * Values that were read or written lately. It is never older than the store: a write takes its key out from
 * the moment it begins until it is known what became of it, and what was read meanwhile does not come in.
 */
export class ReadCache<T> {
  readonly #bytesMax: number;
  readonly #entries = new Map<string, Cached<T>>();
  /** Writes that are under way, by key. */
  readonly #writing = new Map<string, number>();
  /** Reads that are under way and that no write overtook, by key. */
  readonly #reading = new Map<string, Set<object>>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): T | undefined {
    const cached = this.#entries.get(key);
    if (cached === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, cached);
    return cached.entry;
  }

  /** Begins a read of the store; the function that it returns offers what was read. */
  reading(key: string): (entry: T, bytes: number) => void {
    const token = {};
    let tokens = this.#reading.get(key);
    if (tokens === undefined) this.#reading.set(key, (tokens = new Set()));
    tokens.add(token);
    return (entry, bytes) => {
      const current = this.#reading.get(key);
      if (current?.delete(token) !== true) return;
      if (current.size === 0) this.#reading.delete(key);
      if (!this.#writing.has(key)) this.#set(key, entry, bytes);
    };
  }

  /** Begins a write; the function that it returns ends it, with what is stored now, or null when that is not known. */
  writing(key: string): (written: { readonly entry: T; readonly bytes: number } | null) => void {
    this.#forget(key);
    this.#writing.set(key, (this.#writing.get(key) ?? 0) + 1);
    return (written) => {
      const others = (this.#writing.get(key) ?? 1) - 1;
      this.#forget(key);
      if (others > 0) {
        // Which of them is last in the store is not known here.
        this.#writing.set(key, others);
        return;
      }
      this.#writing.delete(key);
      if (written !== null) this.#set(key, written.entry, written.bytes);
    };
  }

  /** Takes out what is known of a key, for a change that is not a write of it. */
  invalidate(key: string): void {
    this.#forget(key);
  }

  #forget(key: string): void {
    this.#reading.delete(key);
    const cached = this.#entries.get(key);
    if (cached === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= cached.bytes;
  }

  #set(key: string, entry: T, valueBytes: number): void {
    this.#forget(key);
    const bytes = valueBytes + key.length * 2 + ENTRY_BYTES;
    if (bytes > this.#bytesMax) return;
    this.#entries.set(key, { entry, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#entries.delete(oldest);
      this.#bytes -= freed;
    }
  }
}
