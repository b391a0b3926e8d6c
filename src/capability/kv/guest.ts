import type { GuestCaller } from '../guest-port.ts';
import { bodyOf, bytesFrom, textOf } from '../guest-bytes.ts';
import type { GetAnswer, ListAnswer } from './contract.ts';

const KEYS_MAX = 100;
type ValueType = 'text' | 'json' | 'arrayBuffer' | 'stream';
/** `cacheTtl` is taken and means nothing: reads are consistent. */
type GetOptions = { readonly type?: ValueType; readonly cacheTtl?: number } | ValueType;

interface Found {
  readonly value: unknown;
  readonly metadata: unknown;
  readonly cacheStatus: null;
}

interface PutOptions {
  readonly expiration?: number | null;
  readonly expirationTtl?: number | null;
  readonly metadata?: unknown;
}

interface ListOptions {
  readonly prefix?: string | null;
  readonly limit?: number;
  readonly cursor?: string | null;
}

/** `env.ORDERS`: one store, with the methods of Workers' `KVNamespace`. */
export class KVNamespace {
  readonly #caller: GuestCaller;
  readonly #binding: string;

  constructor(caller: GuestCaller, binding: string) {
    this.#caller = caller;
    this.#binding = binding;
  }

  /** A list of keys gives a `Map`. */
  async get(key: string | string[], options?: GetOptions): Promise<unknown> {
    const type = typeOf(options);
    if (!Array.isArray(key)) return (await this.#get(key, type, false)).value;
    const found = await this.#many(key, type, false);
    return new Map(found.map(([name, { value }]) => [name, value]));
  }

  async getWithMetadata(key: string | string[], options?: GetOptions): Promise<unknown> {
    const type = typeOf(options);
    if (!Array.isArray(key)) return this.#get(key, type, true);
    return new Map(await this.#many(key, type, true));
  }

  async put(
    key: string,
    value: string | ArrayBuffer | ArrayBufferView | ReadableStream<Uint8Array>,
    options: PutOptions = {},
  ): Promise<void> {
    const { expiration = null, expirationTtl = null, metadata } = options;
    const args = {
      key: String(key),
      ...(expiration === null ? {} : { expiration: Number(expiration) }),
      ...(expirationTtl === null ? {} : { expirationTtl: Number(expirationTtl) }),
      ...(metadata === undefined || metadata === null ? {} : { metadata: JSON.stringify(metadata) }),
    };
    await this.#caller.call('kv', this.#binding, 'put', args, { body: bodyOf(value) });
  }

  async delete(key: string): Promise<void> {
    await this.#caller.call('kv', this.#binding, 'delete', { key: String(key) });
  }

  async list(options: ListOptions = {}): Promise<unknown> {
    const { prefix, limit, cursor } = options ?? {};
    const args = {
      ...(prefix === undefined || prefix === null ? {} : { prefix: String(prefix) }),
      ...(limit === undefined ? {} : { limit }),
      ...(cursor === undefined || cursor === null ? {} : { cursor: String(cursor) }),
    };
    const { value } = await this.#caller.call('kv', this.#binding, 'list', args);
    const answer = value as ListAnswer;
    const keys = answer.keys.map(({ name, expiration, metadata }) => ({
      name,
      ...(expiration === undefined ? {} : { expiration }),
      ...(metadata === undefined ? {} : { metadata: JSON.parse(metadata) as unknown }),
    }));
    return answer.cursor === null
      ? { keys, list_complete: true, cacheStatus: null }
      : { keys, list_complete: false, cursor: answer.cursor, cacheStatus: null };
  }

  async #get(key: string, type: ValueType, withMetadata: boolean): Promise<Found> {
    const args = withMetadata ? { key: String(key), metadata: true } : { key: String(key) };
    const { value: head, bytes, stream } = await this.#caller.call('kv', this.#binding, 'get', args);
    if (head === null) return { value: null, metadata: null, cacheStatus: null };
    const { metadata = null, size = 0 } = head as GetAnswer;
    return {
      value: await valueOf(type, bytes, stream, size),
      metadata: metadata === null ? null : JSON.parse(metadata),
      cacheStatus: null,
    };
  }

  async #many(keys: readonly string[], type: ValueType, withMetadata: boolean): Promise<[string, Found][]> {
    if (type !== 'text' && type !== 'json') throw new TypeError(`Many keys cannot be read as "${type}".`);
    if (keys.length > KEYS_MAX) throw new TypeError(`At most ${KEYS_MAX} keys can be read at once.`);
    return Promise.all(
      keys.map(async (key): Promise<[string, Found]> => [key, await this.#get(key, type, withMetadata)]),
    );
  }
}

function typeOf(options: GetOptions | undefined | null): ValueType {
  const type = typeof options === 'string' ? options : (options?.type ?? 'text');
  if (type !== 'text' && type !== 'json' && type !== 'arrayBuffer' && type !== 'stream')
    throw new TypeError(`"${String(type)}" is no type of a value: use text, json, arrayBuffer or stream.`);
  return type;
}

async function valueOf(
  type: ValueType,
  bytes: Uint8Array | null,
  stream: ReadableStream<Uint8Array> | null,
  size: number,
): Promise<unknown> {
  if (type === 'stream') return stream ?? new Response(bytes as Uint8Array<ArrayBuffer>).body;
  const all = bytes ?? (await bytesFrom(stream, size));
  if (type === 'arrayBuffer') return all.buffer;
  const text = textOf(all);
  return type === 'json' ? JSON.parse(text) : text;
}
