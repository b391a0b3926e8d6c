import type { DeployedFunction } from '../deploy/index.ts';
import type { ObjectStore } from '../object/index.ts';

/** Bytes of bundles and code caches kept in memory. */
const CACHE_BYTES_MAX = 64 * 1024 * 1024;

export interface BundleBytes {
  readonly bundle: Uint8Array;
  readonly codeCache: Uint8Array | null;
}

/** Bundles with their code caches, from the object store, most recently used in memory. */
export class Bundles {
  readonly #objects: ObjectStore;
  readonly #cached = new Map<string, Promise<BundleBytes>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  get(fn: DeployedFunction): Promise<BundleBytes> {
    const key = `${fn.bundle}:${fn.codeCache ?? ''}`;
    const cached = this.#cached.get(key);
    if (cached !== undefined) {
      this.#cached.delete(key);
      this.#cached.set(key, cached);
      return cached;
    }
    const loading = this.#load(fn);
    this.#cached.set(key, loading);
    loading.then(
      ({ bundle, codeCache }) => this.#account(key, bundle.byteLength + (codeCache?.byteLength ?? 0)),
      () => this.#cached.delete(key),
    );
    return loading;
  }

  async #load(fn: DeployedFunction): Promise<BundleBytes> {
    const bundle = await this.#objects.get(fn.bundle);
    // A lost code cache costs time, not correctness.
    const codeCache = fn.codeCache === null ? null : await this.#objects.get(fn.codeCache).catch(() => null);
    return { bundle, codeCache };
  }

  #account(key: string, bytes: number): void {
    this.#sizes.set(key, bytes);
    this.#bytes += bytes;
    for (const [oldest] of this.#cached) {
      if (this.#bytes <= CACHE_BYTES_MAX || oldest === key) return;
      this.#cached.delete(oldest);
      this.#bytes -= this.#sizes.get(oldest) ?? 0;
      this.#sizes.delete(oldest);
    }
  }
}
