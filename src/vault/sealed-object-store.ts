import { createHash } from 'node:crypto';
import { CordonError } from '../contract/index.ts';
import type { ObjectStore } from '../object/index.ts';
import { queryBuilder, type Store, type Tables } from '../store/index.ts';
import { placeOf } from './format.ts';
import type { KeyedName, Rewritten, SealedItem, SealedPlace, Vault } from './port.ts';

const HASH = /^[0-9a-f]{64}$/;

type ObjectRow = Tables['sealed_objects'];

export interface SealedObjectStoreOptions {
  /** Holds the sealed bytes. */
  readonly objects: ObjectStore;
  /** Holds where they are. */
  readonly store: Store;
  readonly vault: Vault;
  readonly project: string;
}

export interface SealedObjectStore extends ObjectStore {
  /** For `Vault.reseal`. */
  readonly place: SealedPlace;
  /** Deletes all sealed bytes of the project; needs no key, so it works after `shredProject`. Returns how many. */
  deleteAll(): Promise<number>;
}

/**
 * An object store whose bytes are sealed before they reach the one below. Its callers name objects by the
 * SHA-256 of the plaintext, as ever. What is stored says nothing of the content: below, the name is the hash
 * of the sealed bytes, and the table that leads there holds an HMAC of the plaintext's hash.
 */
export function sealedObjectStore(options: SealedObjectStoreOptions): SealedObjectStore {
  return new SealedObjects(options);
}

class SealedObjects implements SealedObjectStore {
  readonly #objects: ObjectStore;
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #project: string;
  readonly #writing = new Map<string, Promise<string>>();

  constructor({ objects, store, vault, project }: SealedObjectStoreOptions) {
    this.#objects = objects;
    this.#store = store;
    this.#vault = vault;
    this.#project = project;
  }

  async put(bytes: Uint8Array): Promise<string> {
    // A copy: the caller may go on with its buffer.
    const content = Uint8Array.from(bytes);
    const sha256 = hashOf(content);
    return this.#alone(sha256, () => this.#put(sha256, content));
  }

  async get(sha256: string): Promise<Uint8Array> {
    const { rows } = await this.#find(sha256);
    let problem: unknown = missing(sha256);
    for (const row of rows) {
      try {
        const bytes = await this.#read(row);
        if (hashOf(bytes) === sha256) return bytes;
        problem = corrupt(sha256);
      } catch (error) {
        problem = explain(sha256, error);
      }
    }
    throw problem;
  }

  async has(sha256: string): Promise<boolean> {
    if (!HASH.test(sha256)) return false;
    const { rows } = await this.#find(sha256);
    for (const row of rows) if (await this.#objects.has(row.object)) return true;
    return false;
  }

  async delete(sha256: string): Promise<void> {
    const { rows } = await this.#find(sha256);
    await this.#remove(rows);
  }

  async deleteAll(): Promise<number> {
    const select = this.#db().selectFrom('sealed_objects').selectAll().where('project', '=', this.#project);
    const rows = await this.#store.query<ObjectRow>(select.compile());
    await this.#remove(rows);
    return rows.length;
  }

  get place(): SealedPlace {
    return {
      name: 'objects',
      list: (_project, after, limit) => this.#list(after, limit),
      rewrite: (_project, items) => this.#rewrite(items),
    };
  }

  async #put(sha256: string, content: Uint8Array): Promise<string> {
    const found = await this.#find(sha256);
    for (const row of found.rows) if (await this.#isIntact(row, sha256)) return sha256;
    await this.#write(found, content);
    await this.#remove(found.rows.filter(({ name }) => name !== found.current.name));
    return sha256;
  }

  /**
   * Seals with the current key, in place of a damaged object of that name. The row goes first: a crash leaves a
   * row without bytes, which the next write heals, and never bytes that nobody finds.
   */
  async #write({ current, rows }: Found, content: Uint8Array): Promise<void> {
    const db = this.#db();
    const project = this.#project;
    const { name, version } = current;
    const damaged = rows.find((row) => row.name === name);
    if (damaged !== undefined) await this.#remove([damaged]);
    const sealed = await collect(this.#vault.sealStream(project, placeOf('object', name), only(content)));
    const object = hashOf(sealed);
    await this.#store.commit([
      db.insertInto('sealed_objects').values({ project, name, version, object }).compile(),
    ]);
    await this.#objects.put(sealed);
  }

  async #read(row: ObjectRow): Promise<Uint8Array> {
    const sealed = await this.#objects.get(row.object);
    return collect(this.#vault.openStream(this.#project, placeOf('object', row.name), only(sealed)));
  }

  async #isIntact(row: ObjectRow, sha256: string): Promise<boolean> {
    try {
      return hashOf(await this.#read(row)) === sha256;
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    }
  }

  async #find(sha256: string): Promise<Found> {
    if (!HASH.test(sha256)) throw missing(sha256);
    const names = await this.#vault.keyedNames(this.#project, sha256);
    const [current] = names;
    if (current === undefined) throw missing(sha256);
    const select = this.#db()
      .selectFrom('sealed_objects')
      .selectAll()
      .where('project', '=', this.#project)
      .where(
        'name',
        'in',
        names.map(({ name }) => name),
      )
      .orderBy('version', 'desc');
    return { current, rows: await this.#store.query<ObjectRow>(select.compile()) };
  }

  async #remove(rows: readonly ObjectRow[]): Promise<void> {
    for (const row of rows) {
      await this.#objects.delete(row.object);
      await this.#store.commit([
        this.#db()
          .deleteFrom('sealed_objects')
          .where('project', '=', row.project)
          .where('name', '=', row.name)
          .where('object', '=', row.object)
          .compile(),
      ]);
    }
  }

  async #list(after: string | null, limit: number): Promise<readonly SealedItem[]> {
    const select = this.#db()
      .selectFrom('sealed_objects')
      .select(['name', 'version'])
      .where('project', '=', this.#project)
      .where('name', '>', after ?? '')
      .orderBy('name')
      .limit(limit);
    const rows = await this.#store.query<{ name: string; version: number }>(select.compile());
    return rows.map(({ name, version }) => ({ cursor: name, version: Number(version) }));
  }

  async #rewrite(items: readonly SealedItem[]): Promise<Rewritten> {
    let rewritten = 0;
    let broken = 0;
    for (const { cursor } of items) {
      const [row] = await this.#store.query<ObjectRow>(
        this.#db()
          .selectFrom('sealed_objects')
          .selectAll()
          .where('project', '=', this.#project)
          .where('name', '=', cursor)
          .compile(),
      );
      if (row === undefined) continue;
      try {
        const content = await this.#read(row);
        await this.#alone(hashOf(content), () => this.#renew(row, content));
        rewritten += 1;
      } catch (error) {
        if (!isDamage(error)) throw error;
        broken += 1;
      }
    }
    return { rewritten, broken };
  }

  /** The old bytes stay until the new ones are durable. */
  async #renew(row: ObjectRow, content: Uint8Array): Promise<string> {
    const sha256 = hashOf(content);
    const found = await this.#find(sha256);
    const renewed = found.rows.find(({ name }) => name === found.current.name);
    if (renewed === undefined || !(await this.#isIntact(renewed, sha256))) await this.#write(found, content);
    await this.#remove([row]);
    return sha256;
  }

  /** One that writes an object at a time; who puts the same bytes meanwhile has the same answer. */
  #alone(sha256: string, write: () => Promise<string>): Promise<string> {
    const writing = this.#writing.get(sha256) ?? write().finally(() => this.#writing.delete(sha256));
    this.#writing.set(sha256, writing);
    return writing;
  }

  #db(): ReturnType<typeof queryBuilder> {
    return queryBuilder(this.#store.dialect);
  }
}

interface Found {
  /** The name under the current data key. */
  readonly current: KeyedName;
  /** Under any of its names, the newest first. */
  readonly rows: readonly ObjectRow[];
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** True for what another copy of the bytes would heal. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof CordonError &&
    (error.code === 'CORDON_OBJECT_MISSING' ||
      error.code === 'CORDON_OBJECT_CORRUPT' ||
      error.code === 'CORDON_SEAL_BROKEN' ||
      error.code === 'CORDON_KEY_MISSING')
  );
}

/** As the port of objects says it, for the name that the caller knows. */
function explain(sha256: string, error: unknown): unknown {
  if (!isDamage(error)) return error;
  return error instanceof CordonError && error.code === 'CORDON_OBJECT_MISSING'
    ? missing(sha256)
    : corrupt(sha256, error);
}

function missing(sha256: string): CordonError {
  return new CordonError(
    'CORDON_OBJECT_MISSING',
    `There is no object ${JSON.stringify(sha256.slice(0, 80))}.`,
  );
}

function corrupt(sha256: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_OBJECT_CORRUPT', `The object ${sha256} does not match its hash.`, { cause });
}
