import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LoadGenerator } from './load.ts';

/** Where a measurement works: a folder, the load generator, and what has to be ended after it, whatever happens. */
export class Workplace {
  /** True: few samples, to see that everything runs. */
  readonly quick: boolean;
  readonly folder: string;
  readonly #closers: (() => Promise<unknown>)[] = [];
  readonly #folders: string[];
  #load: LoadGenerator | null = null;
  #closed = false;

  private constructor(quick: boolean, folder: string) {
    this.quick = quick;
    this.folder = folder;
    this.#folders = [folder];
  }

  static async open(quick: boolean): Promise<Workplace> {
    return new Workplace(quick, await mkdtemp(join(tmpdir(), 'cordon-bench-')));
  }

  get load(): LoadGenerator {
    if (this.#load === null) {
      const load = new LoadGenerator();
      this.#load = load;
      this.defer(() => load.close());
    }
    return this.#load;
  }

  /** `full`, or `quick` when the run is a short one. */
  pick(full: number, quick: number): number {
    return this.quick ? quick : full;
  }

  /** A new folder. */
  newFolder(name: string): Promise<string> {
    return mkdtemp(join(this.folder, `${name}-`));
  }

  /** Says what to remove when nothing runs any more. */
  own(folder: string): void {
    this.#folders.push(folder);
  }

  /** Says what to end. The last one said is the first to be ended. Throws when it is too late; then it is ended at once. */
  defer(close: () => Promise<unknown>): void {
    if (!this.#closed) {
      this.#closers.push(close);
      return;
    }
    close().catch((error: unknown) => console.error(error));
    throw new Error('The measurement was ended.');
  }

  /** Ends everything. Throws the first failure after all have been tried. */
  async close(): Promise<void> {
    this.#closed = true;
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).toReversed()) {
      try {
        await close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Removes the folders, once what was closed has ended. */
  async clean(): Promise<void> {
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }
}
