// The few runtime names that the harness uses beyond the web platform. Deno provides all of them.

declare module 'node:net' {
  export class Socket {
    constructor(options: { fd: number });
    on(event: 'data', listener: (chunk: Uint8Array) => void): this;
    on(event: 'close' | 'end' | 'error', listener: () => void): this;
    write(chunk: Uint8Array): boolean;
    cork(): void;
    uncork(): void;
  }
}

declare module 'node:vm' {
  export class Script {
    constructor(source: string, options: { filename: string; cachedData?: Uint8Array });
    readonly cachedDataRejected?: boolean;
    runInThisContext(): unknown;
    createCachedData(): Uint8Array;
  }
  export class SourceTextModule {
    constructor(source: string, options: { identifier: string });
    readonly namespace: Record<string, unknown>;
    link(linker: (specifier: string) => Promise<SyntheticModule> | SyntheticModule): Promise<void>;
    evaluate(): Promise<void>;
  }
  export class SyntheticModule {
    constructor(names: string[], evaluate: (this: SyntheticModule) => void, options: { identifier: string });
    setExport(name: string, value: unknown): void;
    link(linker: () => never): Promise<void>;
    evaluate(): Promise<void>;
  }
}

declare module 'node:async_hooks' {
  export class AsyncLocalStorage<T> {
    run<R>(store: T, callback: () => R): R;
    getStore(): T | undefined;
  }
}

declare const Deno: {
  inspect(value: unknown, options?: { colors?: boolean; depth?: number; strAbbreviateSize?: number }): string;
  exit(code: number): never;
};

declare const process: {
  env: Record<string, string>;
  getBuiltinModule(name: string): Record<string, unknown> | undefined;
  nextTick(callback: () => void): void;
};

declare function gc(): void;
