import { CordonError, LIMITS } from '../../contract/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import { KV_OPERATIONS } from '../../manifest/index.ts';
import type { KvGrant } from '../../manifest/index.ts';
import type { Contents } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { explainTo } from '../explain.ts';
import { decideKeyed, grantOf, resourceNameFor } from '../grant.ts';
import { cursorOf, keyProblem, readArguments, textOfCursor, textsOf } from '../keys.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import type { CallSession } from '../session.ts';
import { deleteArguments, getArguments, listArguments, putArguments } from './contract.ts';
import type { GetAnswer, ListAnswer } from './contract.ts';
import { KvValues } from './values.ts';
import type { KvEntry, KvPlace } from './values.ts';

const DONE: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };
const READ_ATTEMPTS_MAX = 3;
const KEY_BYTES_MAX = LIMITS.kvKeyBytesMax.value;

export interface KvOptions {
  /** Memory for values that were used lately, bytes. 0 where other nodes write too. Default `LIMITS.kvCacheBytesMax`. */
  readonly cacheBytes?: number;
}

/** Keys and values by store, as Workers KV has them, but consistent: a read sees every write before it. */
export class KvCapability implements Capability {
  readonly name = 'kv';
  readonly #environment: StorageEnvironment;
  readonly #values: KvValues;
  readonly #sweeper: NodeJS.Timeout;

  constructor(environment: StorageEnvironment, contents: Contents, options: KvOptions = {}) {
    this.#environment = environment;
    const cacheBytes = options.cacheBytes ?? LIMITS.kvCacheBytesMax.value;
    this.#values = new KvValues(environment, contents, cacheBytes);
    this.#sweeper = setInterval(() => {
      // What cannot be removed now is invisible all the same.
      this.sweep().catch(() => undefined);
    }, LIMITS.kvSweepIntervalMs.value);
    this.#sweeper.unref();
  }

  /**
   * A value as the host itself reads it, such as to authorize a request: parsed as JSON, at once where it is in
   * memory. Undefined where there is none. Errors: CORDON_KV_VALUE_UNREADABLE for a value that is large or no JSON.
   */
  readJson(place: KvPlace): unknown {
    const cached = this.#values.cached(place);
    if (cached !== undefined) return jsonOf(cached);
    return this.#values.get(place).then(jsonOf);
  }

  decide({ grants }: CallerContext, { binding, operation, args }: GuestCall): Decision {
    const grant = grantOf(grants.kv, binding);
    const name = grant?.store ?? resourceNameFor(binding);
    const keys = operation === 'list' ? [prefixOf(args)] : textsOf(args, 'key');
    return decideKeyed(grant, { kind: 'kv', binding, operation, field: 'store', name, keys }, KV_OPERATIONS);
  }

  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const grant = grantOf(context.grants.kv, call.binding);
    if (grant === null) throw new CordonError('CORDON_INTERNAL', 'A call was served that was not allowed.');
    const { project } = context;
    const { store } = grant;
    const explain = explainTo(this.#environment.evidence, context, call);
    if (call.operation === 'get' && this.#answerFromMemory(project, store, call, reply)) return DONE;
    return serveSession(reply, explain, async (session) => {
      switch (call.operation) {
        case 'get':
          return this.#get(project, store, call.args, reply, session);
        case 'put':
          return this.#put(project, store, call.args, session);
        case 'delete': {
          const { key } = readArguments(deleteArguments, 'delete a key', call.args);
          await this.#values.delete({ project, store, key: checkKey(key) });
          return session.answer(null);
        }
        default:
          return session.answer(await this.#list(project, grant, call.args));
      }
    });
  }

  /** Removes what has expired, in bounded batches. Returns how many keys it removed. */
  async sweep(): Promise<number> {
    let total = 0;
    for (;;) {
      const removed = await this.#values.sweep();
      total += removed;
      if (removed < LIMITS.kvSweepBatchMax.value) return total;
    }
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  /** The common case, without a turn of the event loop. */
  #answerFromMemory(project: string, store: string, { args }: GuestCall, reply: CallReply): boolean {
    const parsed = getArguments.safeParse(args);
    if (!parsed.success) return false;
    const { key, metadata } = parsed.data;
    const entry = this.#values.cached({ project, store, key });
    if (entry === undefined || (entry !== null && entry.bytes === null)) return false;
    if (entry === null) reply.head(null, null, true);
    else reply.head(answerOf(entry, metadata), entry.bytes, true);
    return true;
  }

  async #get(
    project: string,
    store: string,
    args: unknown,
    reply: CallReply,
    session: CallSession,
  ): Promise<void> {
    const { key, metadata } = readArguments(getArguments, 'get a key', args);
    const place: KvPlace = { project, store, key: checkKey(key) };
    for (let attempt = 1; ; attempt += 1) {
      const entry = await this.#values.get(place);
      if (entry === null) return session.answer(null);
      const value = answerOf(entry, metadata);
      if (entry.bytes !== null) return reply.head(value, entry.bytes, true);
      const body = await this.#values.stream(place, entry).catch((thrown: unknown) => {
        if (attempt < READ_ATTEMPTS_MAX && isMissing(thrown)) return null;
        throw thrown;
      });
      if (body !== null) return session.stream({ ...value, size: entry.content.size }, body);
    }
  }

  async #put(project: string, store: string, args: unknown, session: CallSession): Promise<void> {
    const parsed = readArguments(putArguments, 'put a key', args);
    const place: KvPlace = { project, store, key: checkKey(parsed.key) };
    const metadata = checkMetadata(parsed.metadata ?? null);
    const expiresAt = this.#expiryOf(parsed.expiration ?? null, parsed.expirationTtl ?? null);
    const bytesMax = LIMITS.kvValueBytesMax.value;
    await this.#values.put(place, session, {
      metadata,
      expiresAt,
      bytesMax,
      tooLarge: () =>
        new CordonError(
          'CORDON_KV_VALUE_TOO_LARGE',
          `Cannot put a value of more than ${bytesMax} bytes in kv.`,
        ),
    });
    session.answer(null);
  }

  async #list(project: string, grant: KvGrant, args: unknown): Promise<ListAnswer> {
    const { limit, cursor } = readArguments(listArguments, 'list keys', args);
    const prefix = prefixOf(args);
    if (!prefix.isWellFormed() || prefix.includes('\0'))
      throw new CordonError('CORDON_KV_KEY_INVALID', 'Cannot list: the prefix is not well-formed text.');
    const after = cursor === null || cursor === undefined ? null : afterCursor(cursor, prefix);
    const count = limit ?? LIMITS.kvListKeysMax.value;
    const { keys, more } = await this.#values.list(project, grant.store, { prefix, after, limit: count });
    const last = keys.at(-1);
    return {
      keys: keys.map(({ key, metadata, expiresAt }) => ({
        name: key,
        ...(expiresAt === null ? {} : { expiration: Math.floor(expiresAt / 1000) }),
        ...(metadata === null ? {} : { metadata }),
      })),
      cursor: more && last !== undefined ? cursorOf(last.key) : null,
    };
  }

  #expiryOf(expiration: number | null, ttl: number | null): number | null {
    if (expiration === null && ttl === null) return null;
    const now = this.#environment.clock.now();
    const at = ttl === null ? (expiration ?? 0) * 1000 : now + ttl * 1000;
    const whole = Number.isInteger(ttl ?? expiration) && (ttl === null || ttl >= 1);
    if (!whole || at <= now || !Number.isSafeInteger(Math.ceil(at)))
      throw new CordonError('CORDON_KV_EXPIRATION_INVALID');
    return at;
  }
}

/** Without a prefix a list is about the whole store. */
function prefixOf(args: unknown): string {
  const [prefix] = textsOf(args, 'prefix');
  return prefix ?? '';
}

function afterCursor(cursor: string, prefix: string): string {
  const key = textOfCursor(cursor);
  if (!key.startsWith(prefix)) throw new CordonError('CORDON_CURSOR_INVALID');
  return key;
}

function answerOf(entry: KvEntry, metadata: boolean | undefined): GetAnswer {
  return metadata === true ? { metadata: entry.metadata } : {};
}

function checkKey(key: string): string {
  const problem = key === '.' || key === '..' ? 'is a dot segment' : keyProblem(key, KEY_BYTES_MAX);
  if (problem !== null) throw new CordonError('CORDON_KV_KEY_INVALID', `Cannot use the key: it ${problem}.`);
  return key;
}

function checkMetadata(metadata: string | null): string | null {
  if (metadata === null) return null;
  const bytes = Buffer.byteLength(metadata);
  const max = LIMITS.kvMetadataBytesMax.value;
  if (bytes > max)
    throw new CordonError(
      'CORDON_KV_METADATA_TOO_LARGE',
      `The metadata has ${bytes} bytes, at most ${max} are allowed.`,
    );
  try {
    JSON.parse(metadata);
  } catch {
    throw new CordonError('CORDON_CALL_INVALID', 'The metadata is not JSON.');
  }
  return metadata;
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof CordonError && thrown.code === 'CORDON_OBJECT_MISSING';
}

function jsonOf(entry: KvEntry | null): unknown {
  if (entry === null) return undefined;
  if (entry.bytes === null) throw notJson('it is too large');
  try {
    return JSON.parse(Buffer.from(entry.bytes).toString('utf8')) as unknown;
  } catch {
    throw notJson('it is no JSON');
  }
}

function notJson(reason: string): CordonError {
  return new CordonError('CORDON_KV_VALUE_UNREADABLE', `Cannot read the stored value: ${reason}.`);
}
