import { mapStack } from '../deploy/index.ts';
import type { DeployedFunction } from '../deploy/index.ts';
import type { ObjectStore } from '../object/index.ts';

/** Frames of the harness and of the runtime say nothing about the function's code. */
const FOREIGN_FRAME = /^\s+at .*(?:harness|ext:|node:)[^\n]*$/gm;
const SOURCE_MAPS_CACHED_MAX = 16;

/** Turns stacks of bundles into stacks of sources. */
export class Stacks {
  readonly #objects: ObjectStore;
  readonly #maps = new Map<string, Promise<Uint8Array | null>>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** The stack with places in the sources; as it was where there is no source map. Never rejects. */
  async map(fn: DeployedFunction, stack: string): Promise<string> {
    const own = stack
      .replace(FOREIGN_FRAME, '')
      .replace(/\n{2,}/g, '\n')
      .trimEnd();
    if (fn.sourceMap === null) return own;
    const sourceMap = await this.#load(fn.sourceMap);
    if (sourceMap === null) return own;
    try {
      return mapStack(own, { format: fn.format, sourceMap }, fn.spec.name).stack;
    } catch {
      return own;
    }
  }

  #load(hash: string): Promise<Uint8Array | null> {
    let loading = this.#maps.get(hash);
    if (loading === undefined) {
      if (this.#maps.size >= SOURCE_MAPS_CACHED_MAX) this.#maps.clear();
      loading = this.#objects.get(hash).catch(() => null);
      this.#maps.set(hash, loading);
    }
    return loading;
  }
}
