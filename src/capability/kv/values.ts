import { LIMITS } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Statement, Tables } from '../../store/index.ts';
import { placeOf } from '../../vault/index.ts';
import { newVersion } from '../contents.ts';
import type { Content, Contents, ContentPlace, TakeOptions } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { rangeOfPrefix } from '../keys.ts';
import { ReadCache } from './cache.ts';

type Row = Tables['kv'];

/** A key of one store. */
export interface KvPlace {
  readonly project: string;
  readonly store: string;
  readonly key: string;
}

/** A value as it is read. */
export interface KvEntry {
  /** The bytes, of a value that is small. */
  readonly bytes: Uint8Array | null;
  readonly content: Content;
  readonly version: string;
  /** JSON text. */
  readonly metadata: string | null;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
}

export interface KvListing {
  readonly keys: readonly {
    readonly key: string;
    readonly metadata: string | null;
    readonly expiresAt: number | null;
  }[];
  /** Whether more follow. */
  readonly more: boolean;
}

/** The values of kv: in the store, sealed, and those used lately in memory. */
export class KvValues {
  readonly #environment: StorageEnvironment;
  readonly #contents: Contents;
  readonly #cache: ReadCache<KvEntry | null>;
  readonly #select: Statement;

  constructor(environment: StorageEnvironment, contents: Contents, cacheBytes: number) {
    this.#environment = environment;
    this.#contents = contents;
    this.#cache = new ReadCache(cacheBytes);
    const db = queryBuilder(environment.store.dialect);
    this.#select = db
      .selectFrom('kv')
      .selectAll()
      .where('project', '=', '')
      .where('store', '=', '')
      .where('key', '=', '')
      .compile();
  }

  /** What is known without asking the store; undefined: nothing. */
  cached(place: KvPlace): KvEntry | null | undefined {
    const entry = this.#cache.get(cacheKey(place));
    return entry === undefined ? undefined : this.#alive(entry);
  }

  async get(place: KvPlace): Promise<KvEntry | null> {
    const id = cacheKey(place);
    const offer = this.#cache.reading(id);
    const { project, store, key } = place;
    const [row] = await this.#environment.store.query<Row>({
      sql: this.#select.sql,
      parameters: [project, store, key],
    });
    if (row === undefined) {
      offer(null, 0);
      return null;
    }
    const entry = await this.#entryOf(place, row);
    offer(entry, (entry.bytes?.byteLength ?? 0) + (entry.metadata?.length ?? 0));
    return this.#alive(entry);
  }

  /** The bytes of a large value. Errors: CORDON_OBJECT_MISSING when it was replaced meanwhile. */
  stream(place: KvPlace, { content, version }: KvEntry): Promise<AsyncGenerator<Uint8Array>> {
    return this.#contents.open(sealedAt(place, version), content, { start: 0, end: content.size });
  }

  /** Resolves when it is durable. */
  async put(
    place: KvPlace,
    body: AsyncIterable<Uint8Array>,
    { metadata, expiresAt, ...options }: TakeOptions & Pick<KvEntry, 'metadata' | 'expiresAt'>,
  ): Promise<void> {
    const version = newVersion();
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const keep = (chunk: Uint8Array): void => {
      bytes += chunk.byteLength;
      if (bytes > LIMITS.inlineContentBytesMax.value) chunks.length = 0;
      else chunks.push(chunk);
    };
    const content = await this.#contents.take(sealedAt(place, version), body, { ...options, onChunk: keep });
    const entry: KvEntry = {
      bytes: content.object === null ? Buffer.concat(chunks, bytes) : null,
      content: { ...content, value: null },
      version,
      metadata,
      expiresAt,
    };
    const written = this.#cache.writing(cacheKey(place));
    try {
      await this.#commit(place, content, entry);
    } catch (thrown) {
      written(null);
      await this.#contents.drop(content);
      throw thrown;
    }
    written({ entry, bytes: (entry.bytes?.byteLength ?? 0) + (metadata?.length ?? 0) });
    await this.#contents.keep(content);
  }

  async delete(place: KvPlace): Promise<void> {
    const { project, store, key } = place;
    const db = queryBuilder(this.#environment.store.dialect);
    const written = this.#cache.writing(cacheKey(place));
    try {
      const [released] = await this.#environment.store.commit([
        this.#contents.release('kv', { project, store, key }),
        db
          .deleteFrom('kv')
          .where('project', '=', project)
          .where('store', '=', store)
          .where('key', '=', key)
          .compile(),
      ]);
      written({ entry: null, bytes: 0 });
      if (released !== 0) this.#contents.collect();
    } catch (thrown) {
      written(null);
      throw thrown;
    }
  }

  /** At most `limit` keys that start with `prefix`, after the key `after`, in the order of their code points. */
  async list(
    project: string,
    store: string,
    {
      prefix,
      after,
      limit,
    }: { readonly prefix: string; readonly after: string | null; readonly limit: number },
  ): Promise<KvListing> {
    const range = rangeOfPrefix(prefix);
    const db = queryBuilder(this.#environment.store.dialect);
    let query = db
      .selectFrom('kv')
      .select(['key', 'version', 'metadata', 'expires_at'])
      .where('project', '=', project)
      .where('store', '=', store)
      // Whatever the cursor says, nothing outside of the prefix is told.
      .where('key', '>=', range.from)
      .where('key', after === null ? '>=' : '>', after ?? range.from)
      .where((row) =>
        row.or([row('expires_at', 'is', null), row('expires_at', '>', this.#environment.clock.now())]),
      )
      .orderBy('key')
      .limit(limit + 1);
    if (range.to !== null) query = query.where('key', '<', range.to);
    const rows = await this.#environment.store.query<
      Pick<Row, 'key' | 'version' | 'metadata' | 'expires_at'>
    >(query.compile());
    const keys = [];
    for (const row of rows.slice(0, limit)) {
      const place = { project, store, key: row.key };
      keys.push({
        key: row.key,
        metadata: await this.#openMetadata(place, row.version, row.metadata),
        expiresAt: numberOrNull(row.expires_at),
      });
    }
    return { keys, more: rows.length > limit };
  }

  /** Removes keys that have expired, at most `kvSweepBatchMax`. Returns how many it looked at. */
  async sweep(): Promise<number> {
    const { store, clock } = this.#environment;
    const db = queryBuilder(store.dialect);
    const now = clock.now();
    const rows = await store.query<Pick<Row, 'project' | 'store' | 'key' | 'version'>>(
      db
        .selectFrom('kv')
        .select(['project', 'store', 'key', 'version'])
        .where('expires_at', '<=', now)
        .orderBy('expires_at')
        .limit(LIMITS.kvSweepBatchMax.value)
        .compile(),
    );
    if (rows.length === 0) return 0;
    // A key that is written anew meanwhile has another version.
    const versions = rows.map(({ version }) => version);
    const [released] = await store.commit([
      this.#contents.release('kv', { version: versions }),
      db.deleteFrom('kv').where('version', 'in', versions).compile(),
    ]);
    for (const row of rows) this.#cache.invalidate(cacheKey(row));
    if (released !== 0) this.#contents.collect();
    return rows.length;
  }

  #alive(entry: KvEntry | null): KvEntry | null {
    if (entry === null || entry.expiresAt === null) return entry;
    return entry.expiresAt > this.#environment.clock.now() ? entry : null;
  }

  async #entryOf(place: KvPlace, row: Row): Promise<KvEntry> {
    const { value, version, object } = row;
    return {
      bytes: value === null ? null : await this.#contents.inline(sealedAt(place, version), value),
      content: { value: null, object, size: Number(row.size) },
      version,
      metadata: await this.#openMetadata(place, version, row.metadata),
      expiresAt: numberOrNull(row.expires_at),
    };
  }

  async #openMetadata(place: KvPlace, version: string, sealed: Uint8Array | null): Promise<string | null> {
    if (sealed === null) return null;
    const bytes = await this.#environment.sealer.open(
      place.project,
      kvMetadataPlace(place.store, place.key, version),
      sealed,
    );
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  }

  async #commit(place: KvPlace, content: Content, { version, metadata, expiresAt }: KvEntry): Promise<void> {
    const { store: backing, sealer } = this.#environment;
    const { project, store, key } = place;
    const sealed =
      metadata === null
        ? null
        : await sealer.seal(project, kvMetadataPlace(place.store, place.key, version), Buffer.from(metadata));
    const { value, object, size } = content;
    const columns = { version, value, object, size, metadata: sealed, expires_at: expiresAt };
    const [released] = await backing.commit([
      this.#contents.release('kv', { project, store, key }),
      queryBuilder(backing.dialect)
        .insertInto('kv')
        .values({ project, store, key, ...columns })
        .onConflict((conflict) => conflict.columns(['project', 'store', 'key']).doUpdateSet(columns))
        .compile(),
    ]);
    if (released !== 0) this.#contents.collect();
  }
}

function cacheKey({ project, store, key }: KvPlace): string {
  // Neither a project nor a store has a slash in its name.
  return `${project}/${store}/${key}`;
}

function sealedAt({ project, store, key }: KvPlace, version: string): ContentPlace {
  return { project, place: kvPlace(store, key, version) };
}

/** Where a value is sealed. */
export function kvPlace(store: string, key: string, version: string): string {
  return placeOf('kv', store, key, version);
}

/** Where the metadata of a value is sealed. */
export function kvMetadataPlace(store: string, key: string, version: string): string {
  return placeOf('kv metadata', store, key, version);
}

function numberOrNull(value: number | string | null): number | null {
  return value === null ? null : Number(value);
}
