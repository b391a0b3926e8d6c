import { CordonError, LIMITS, systemClock, type Clock, type Secret } from '../contract/index.ts';
import { SECRET_NAME } from '../manifest/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';
import { placeOf, sealedColumnPlace, type SealedPlace, type Vault } from '../vault/index.ts';
import { ValueCache } from './value-cache.ts';

export interface SecretStoreOptions {
  readonly store: Store;
  readonly vault: Vault;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** What may be known of a secret: all but its value. Times in ms since the epoch. */
export interface SecretInfo {
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Keeps the secrets of all projects. */
export class SecretStore {
  /** Where the values are, for the rotation of keys. */
  readonly place: SealedPlace;
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #cache = new ValueCache(LIMITS.secretsCachedMax.value);

  constructor({ store, vault, clock = systemClock }: SecretStoreOptions) {
    this.#store = store;
    this.#vault = vault;
    this.#clock = clock;
    this.place = sealedColumnPlace(vault, {
      store,
      table: 'secrets',
      projectColumn: 'project',
      keyColumn: 'name',
      column: 'value',
      encoding: 'bytes',
      placeOf: placeOfSecret,
    });
  }

  /** Makes a secret or replaces its value. Errors: CORDON_SECRET_INVALID, those of the vault and the store. */
  async set(project: string, name: string, value: Secret): Promise<SecretInfo> {
    checkName(name);
    const plaintext = bytesOf(name, value);
    const known = await this.#infoOf(project, name);
    if (known === null) await this.#checkCount(project);
    const sealed = await this.#vault.seal(project, placeOfSecret(name), plaintext);
    plaintext.fill(0);
    const now = this.#clock.now();
    await this.#changing(project, name, [
      queryBuilder(this.#store.dialect)
        .insertInto('secrets')
        .values({ project, name, value: sealed, created_at: now, updated_at: now })
        .onConflict((row) => row.columns(['project', 'name']).doUpdateSet({ value: sealed, updated_at: now }))
        .compile(),
    ]);
    return { name, createdAt: known?.createdAt ?? now, updatedAt: now };
  }

  /** By name. */
  async list(project: string): Promise<SecretInfo[]> {
    const rows = await this.#store.query<InfoRow>(
      this.#infos(project).orderBy('name').limit(LIMITS.secretsPerProjectMax.value).compile(),
    );
    return rows.map(infoOf);
  }

  /** Errors: CORDON_SECRET_UNKNOWN. */
  async delete(project: string, name: string): Promise<void> {
    const db = queryBuilder(this.#store.dialect);
    const [deleted] = await this.#changing(project, name, [
      db.deleteFrom('secrets').where('project', '=', project).where('name', '=', name).compile(),
    ]);
    if (deleted === 1) return;
    throw new CordonError(
      'CORDON_SECRET_UNKNOWN',
      `Cannot delete ${JSON.stringify(name)}: there is no such secret.`,
    );
  }

  /** The value; null when the project has no such secret. Errors: those of the vault and the store. */
  get(project: string, name: string): Promise<string | null> {
    return this.#cache.get(project, name, () => this.#read(project, name));
  }

  /** Those of these names that the project has no secret of. */
  async missing(project: string, names: Iterable<string>): Promise<string[]> {
    const known = new Set((await this.list(project)).map(({ name }) => name));
    return [...new Set(names)].filter((name) => !known.has(name));
  }

  async #read(project: string, name: string): Promise<string | null> {
    const db = queryBuilder(this.#store.dialect);
    const [row] = await this.#store.query<{ value: Uint8Array }>(
      db
        .selectFrom('secrets')
        .select('value')
        .where('project', '=', project)
        .where('name', '=', name)
        .compile(),
    );
    if (row === undefined) return null;
    const plaintext = await this.#vault.open(project, placeOfSecret(name), row.value);
    const value = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString();
    plaintext.fill(0);
    return value;
  }

  async #changing(project: string, name: string, writes: Parameters<Store['commit']>[0]): Promise<number[]> {
    try {
      return await this.#store.commit(writes);
    } finally {
      // Also after an error: the change may be durable all the same.
      this.#cache.drop(project, name);
    }
  }

  async #infoOf(project: string, name: string): Promise<SecretInfo | null> {
    const [row] = await this.#store.query<InfoRow>(this.#infos(project).where('name', '=', name).compile());
    return row === undefined ? null : infoOf(row);
  }

  async #checkCount(project: string): Promise<void> {
    const most = LIMITS.secretsPerProjectMax.value;
    if ((await this.list(project)).length < most) return;
    throw new CordonError(
      'CORDON_SECRET_INVALID',
      `Cannot make another secret: the project has ${most}, the most that it may have.`,
      {
        details: { next: 'Delete secrets that nothing uses with `cordon secret delete`.' },
      },
    );
  }

  #infos(project: string) {
    return queryBuilder(this.#store.dialect)
      .selectFrom('secrets')
      .select(['name', 'created_at', 'updated_at'])
      .where('project', '=', project);
  }
}

/** Times of PostgreSQL come as text. */
interface InfoRow {
  readonly name: string;
  readonly created_at: number | string;
  readonly updated_at: number | string;
}

function infoOf({ name, created_at, updated_at }: InfoRow): SecretInfo {
  return { name, createdAt: Number(created_at), updatedAt: Number(updated_at) };
}

function placeOfSecret(name: string): string {
  return placeOf('secret', name);
}

function checkName(name: string): void {
  if (SECRET_NAME.test(name)) return;
  throw new CordonError(
    'CORDON_SECRET_INVALID',
    `Cannot name a secret ${JSON.stringify(name.slice(0, 80))}: a name is 1 to 64 capitals, digits and \`_\`, and starts with a letter.`,
  );
}

/** The message never holds any of the value. */
function bytesOf(name: string, value: Secret): Buffer {
  const text = value.reveal();
  const bytes = Buffer.from(text);
  const most = LIMITS.secretValueBytesMax.value;
  if (text.isWellFormed() && bytes.byteLength > 0 && bytes.byteLength <= most) return bytes;
  const why = !text.isWellFormed()
    ? 'its value is not well-formed text'
    : `its value has ${bytes.byteLength} bytes, and 1 to ${most} are allowed`;
  throw new CordonError('CORDON_SECRET_INVALID', `Cannot set ${name}: ${why}.`);
}
