// Written by `cordon types` from cordon.jsonc. Changes here are lost.
declare namespace Cordon {
  /** `ctx` of every handler. */
  interface Context {
    /** Keeps the instance until the promise settles, after the response was sent. */
    waitUntil(promise: Promise<unknown>): void;
  }

  /** `env` of the function "orders". */
  interface OrdersEnv {
    readonly ORDERS: Pick<KVNamespace, 'get' | 'getWithMetadata' | 'put'>;
  }

  interface KVNamespace {
    get(key: string, options?: { type?: undefined; cacheTtl?: number }): Promise<string | null>;
    get(key: string, type: 'text'): Promise<string | null>;
    get<T = unknown>(key: string, type: 'json'): Promise<T | null>;
    get(key: string, type: 'arrayBuffer'): Promise<ArrayBuffer | null>;
    get(key: string, type: 'stream'): Promise<ReadableStream | null>;
    get(key: string, options?: { type: 'text'; cacheTtl?: number }): Promise<string | null>;
    get<T = unknown>(key: string, options?: { type: 'json'; cacheTtl?: number }): Promise<T | null>;
    get(key: string, options?: { type: 'arrayBuffer'; cacheTtl?: number }): Promise<ArrayBuffer | null>;
    get(key: string, options?: { type: 'stream'; cacheTtl?: number }): Promise<ReadableStream | null>;
    get(keys: string[], type: 'text'): Promise<Map<string, string | null>>;
    get<T = unknown>(keys: string[], type: 'json'): Promise<Map<string, T | null>>;
    get(
      keys: string[],
      options?: { type?: undefined; cacheTtl?: number },
    ): Promise<Map<string, string | null>>;
    get(keys: string[], options?: { type: 'text'; cacheTtl?: number }): Promise<Map<string, string | null>>;
    get<T = unknown>(
      keys: string[],
      options?: { type: 'json'; cacheTtl?: number },
    ): Promise<Map<string, T | null>>;
    getWithMetadata<M = unknown>(
      key: string,
      options?: { type?: undefined; cacheTtl?: number },
    ): Promise<KVFound<string, M>>;
    getWithMetadata<M = unknown>(key: string, type: 'text'): Promise<KVFound<string, M>>;
    getWithMetadata<T = unknown, M = unknown>(key: string, type: 'json'): Promise<KVFound<T, M>>;
    getWithMetadata<M = unknown>(key: string, type: 'arrayBuffer'): Promise<KVFound<ArrayBuffer, M>>;
    getWithMetadata<M = unknown>(key: string, type: 'stream'): Promise<KVFound<ReadableStream, M>>;
    getWithMetadata<M = unknown>(
      key: string,
      options: { type: 'text'; cacheTtl?: number },
    ): Promise<KVFound<string, M>>;
    getWithMetadata<T = unknown, M = unknown>(
      key: string,
      options: { type: 'json'; cacheTtl?: number },
    ): Promise<KVFound<T, M>>;
    getWithMetadata<M = unknown>(
      key: string,
      options: { type: 'arrayBuffer'; cacheTtl?: number },
    ): Promise<KVFound<ArrayBuffer, M>>;
    getWithMetadata<M = unknown>(
      key: string,
      options: { type: 'stream'; cacheTtl?: number },
    ): Promise<KVFound<ReadableStream, M>>;
    getWithMetadata<M = unknown>(keys: string[], type: 'text'): Promise<Map<string, KVFound<string, M>>>;
    getWithMetadata<T = unknown, M = unknown>(
      keys: string[],
      type: 'json',
    ): Promise<Map<string, KVFound<T, M>>>;
    getWithMetadata<M = unknown>(
      keys: string[],
      options?: { type?: undefined; cacheTtl?: number },
    ): Promise<Map<string, KVFound<string, M>>>;
    getWithMetadata<M = unknown>(
      keys: string[],
      options?: { type: 'text'; cacheTtl?: number },
    ): Promise<Map<string, KVFound<string, M>>>;
    getWithMetadata<T = unknown, M = unknown>(
      keys: string[],
      options?: { type: 'json'; cacheTtl?: number },
    ): Promise<Map<string, KVFound<T, M>>>;
    put(
      key: string,
      value: string | ArrayBuffer | ArrayBufferView | ReadableStream,
      options?: { expiration?: number; expirationTtl?: number; metadata?: unknown },
    ): Promise<void>;
    delete(key: string): Promise<void>;
    list<M = unknown>(options?: {
      prefix?: string | null;
      limit?: number;
      cursor?: string | null;
    }): Promise<KVList<M>>;
  }
  interface KVFound<T, M> {
    value: T | null;
    metadata: M | null;
    cacheStatus: string | null;
  }
  type KVList<M> = {
    keys: { name: string; expiration?: number; metadata?: M }[];
    cacheStatus: string | null;
  } & ({ list_complete: true } | { list_complete: false; cursor: string });
}

declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
