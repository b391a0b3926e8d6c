/** Rows that wait, bounded in number and bytes. Past a bound the new row is dropped and counted. */
export class BoundedBuffer<T> {
  readonly #rowsMax: number;
  readonly #bytesMax: number;
  #rows: { readonly row: T; readonly bytes: number }[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(rowsMax: number, bytesMax: number) {
    this.#rowsMax = rowsMax;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#rows.length;
  }

  /** False where the row was dropped. */
  add(row: T, bytes: number): boolean {
    if (this.#rows.length >= this.#rowsMax || this.#bytes + bytes > this.#bytesMax) {
      this.#dropped += 1;
      return false;
    }
    this.#rows.push({ row, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** The oldest rows; they stay until `remove`. */
  first(count: number): T[] {
    return this.#rows.slice(0, count).map(({ row }) => row);
  }

  remove(count: number): void {
    for (const { bytes } of this.#rows.splice(0, count)) this.#bytes -= bytes;
  }

  /** How many were dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}
