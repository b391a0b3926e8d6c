// Written by `cordon types` from cordon.jsonc. Changes here are lost.
declare namespace Cordon {
  /** `ctx` of every handler. */
  interface Context {
    /** Keeps the instance until the promise settles, after the response was sent. */
    waitUntil(promise: Promise<unknown>): void;
  }

  /** First argument of `queue`. */
  interface MessageBatch<Body = unknown> {
    readonly queue: string;
    readonly messages: readonly Message<Body>[];
    ackAll(): void;
    retryAll(options?: { delaySeconds?: number }): void;
  }
  interface Message<Body = unknown> {
    readonly id: string;
    readonly timestamp: Date;
    readonly body: Body;
    readonly attempts: number;
    ack(): void;
    retry(options?: { delaySeconds?: number }): void;
  }

  /** First argument of `scheduled`. */
  interface ScheduledController {
    readonly type: 'scheduled';
    readonly cron: string;
    readonly scheduledTime: number;
    noRetry(): void;
  }

  /** First argument of `event`: a CloudEvent with its attributes as properties. */
  interface CloudEvent {
    readonly specversion: '1.0';
    readonly id: string;
    readonly source: string;
    readonly type: string;
    readonly time?: string;
    readonly subject?: string;
    readonly datacontenttype?: string;
    readonly dataschema?: string;
    readonly attributes: Readonly<Record<string, string | number | boolean>>;
    readonly data: unknown;
    bytes(): Uint8Array<ArrayBuffer>;
    text(): string;
    json(): unknown;
  }

  /** `env` of the function "intake". */
  interface IntakeEnv {
    readonly DELIVERIES: Pick<R2Bucket, 'get'>;
    readonly MOVEMENTS: Queue;
    readonly NEXT: Pipe<'delivery.read'>;
  }

  /** `env` of the function "journal". */
  interface JournalEnv {
    readonly JOURNAL: Pick<KVNamespace, 'put' | 'list'>;
  }

  /** `env` of the function "signals". */
  interface SignalsEnv {
    readonly JOURNAL: Pick<KVNamespace, 'put'>;
  }

  /** `env` of the function "stock". */
  interface StockEnv {
    readonly STOCK: Pick<KVNamespace, 'put' | 'list'>;
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

  interface R2Bucket {
    head(key: string): Promise<R2Object | null>;
    get(
      key: string,
      options: R2GetOptions & { onlyIf: R2Conditional | Headers },
    ): Promise<R2ObjectBody | R2Object | null>;
    get(key: string, options?: R2GetOptions): Promise<R2ObjectBody | null>;
    put(
      key: string,
      value: R2Value,
      options: R2PutOptions & { onlyIf: R2Conditional | Headers },
    ): Promise<R2Object | null>;
    put(key: string, value: R2Value, options?: R2PutOptions): Promise<R2Object>;
    delete(keys: string | string[]): Promise<void>;
    list(options?: R2ListOptions): Promise<R2Objects>;
  }
  type R2Value = ReadableStream | ArrayBuffer | ArrayBufferView | string | null | Blob;
  type R2Digest = ArrayBuffer | ArrayBufferView | string;
  type R2Range =
    { offset: number; length?: number } | { offset?: number; length: number } | { suffix: number };
  interface R2Conditional {
    etagMatches?: string;
    etagDoesNotMatch?: string;
    uploadedBefore?: Date;
    uploadedAfter?: Date;
    secondsGranularity?: boolean;
  }
  interface R2GetOptions {
    onlyIf?: R2Conditional | Headers;
    range?: R2Range | Headers;
  }
  interface R2HTTPMetadata {
    contentType?: string;
    contentLanguage?: string;
    contentDisposition?: string;
    contentEncoding?: string;
    cacheControl?: string;
    cacheExpiry?: Date;
  }
  interface R2PutOptions {
    onlyIf?: R2Conditional | Headers;
    httpMetadata?: R2HTTPMetadata | Headers;
    customMetadata?: Record<string, string>;
    md5?: R2Digest;
    sha1?: R2Digest;
    sha256?: R2Digest;
    sha384?: R2Digest;
    sha512?: R2Digest;
  }
  interface R2ListOptions {
    limit?: number;
    prefix?: string;
    cursor?: string;
    delimiter?: string;
    startAfter?: string;
    include?: ('httpMetadata' | 'customMetadata')[];
  }
  interface R2Checksums {
    readonly md5?: ArrayBuffer;
    readonly sha1?: ArrayBuffer;
    readonly sha256?: ArrayBuffer;
    readonly sha384?: ArrayBuffer;
    readonly sha512?: ArrayBuffer;
    toJSON(): { md5?: string; sha1?: string; sha256?: string; sha384?: string; sha512?: string };
  }
  interface R2Object {
    readonly key: string;
    readonly version: string;
    readonly size: number;
    readonly etag: string;
    readonly httpEtag: string;
    readonly checksums: R2Checksums;
    readonly uploaded: Date;
    readonly httpMetadata?: R2HTTPMetadata;
    readonly customMetadata?: Record<string, string>;
    readonly range?: { offset: number; length: number };
    readonly storageClass: string;
    writeHttpMetadata(headers: Headers): void;
  }
  interface R2ObjectBody extends R2Object {
    readonly body: ReadableStream<Uint8Array>;
    readonly bodyUsed: boolean;
    arrayBuffer(): Promise<ArrayBuffer>;
    bytes(): Promise<Uint8Array>;
    text(): Promise<string>;
    json<T>(): Promise<T>;
    blob(): Promise<Blob>;
  }
  type R2Objects = { objects: R2Object[]; delimitedPrefixes: string[] } & (
    { truncated: true; cursor: string } | { truncated: false }
  );

  interface Queue<Body = unknown> {
    send(message: Body, options?: { contentType?: QueueContentType; delaySeconds?: number }): Promise<void>;
    sendBatch(
      messages: Iterable<{ body: Body; contentType?: QueueContentType; delaySeconds?: number }>,
      options?: { delaySeconds?: number },
    ): Promise<void>;
  }
  type QueueContentType = 'text' | 'bytes' | 'json' | 'v8';

  interface Pipe<Type extends string = string> {
    send(type: Type, data?: unknown, options?: PipeOptions): Promise<void>;
    sendBatch(events: Iterable<{ type: Type; data?: unknown } & PipeOptions>): Promise<void>;
  }
  interface PipeOptions {
    contentType?: 'json' | 'text' | 'bytes';
    subject?: string;
    id?: string;
    delaySeconds?: number;
  }
}

declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
