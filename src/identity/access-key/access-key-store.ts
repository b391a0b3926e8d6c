import { CordonError, LIMITS, Secret, systemClock } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { placeOf, sealedColumnPlace } from '../../vault/index.ts';
import type { SealedPlace, Vault } from '../../vault/index.ts';
import { KeyUses } from '../api-key/key-uses.ts';
import { ChangeMark } from '../change-mark.ts';
import { checkNewAccessKey, invalid, scopeAllows } from './access-key.ts';
import type { AccessKey, AccessKeyInfo, AccessOperation, AccessUse, NewAccessKey } from './access-key.ts';
import { newKeyPair } from './key-pair.ts';

export interface AccessKeyStoreOptions {
  readonly store: Store;
  readonly vault: Vault;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** True where other nodes change keys too: what they did is read every `LIMITS.apiKeyPollMs`. */
  readonly isShared?: boolean;
}

/**
 * Keeps the access keys of all projects, with which clients of S3 sign. A signature is checked with the secret
 * itself, so it is sealed and not hashed; it is opened for the first request that claims its key, and held in memory
 * from then on. A key that is revoked here is refused from that moment on.
 */
export class AccessKeyStore {
  /** Where the secrets are, for the rotation of keys. */
  readonly place: SealedPlace;
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #uses: KeyUses;
  readonly #mark: ChangeMark;
  #keys = new Map<string, AccessKeyInfo>();
  /** Opened, of keys that are known. */
  readonly #secrets = new Map<string, Secret>();
  /** Ids that are refused whatever the store says: it has not forgotten them yet. */
  readonly #revoked = new Set<string>();

  private constructor({ store, vault, clock = systemClock, isShared = false }: AccessKeyStoreOptions) {
    this.#store = store;
    this.#vault = vault;
    this.#clock = clock;
    this.#uses = new KeyUses({ store, clock, table: 'access_keys' });
    this.#mark = new ChangeMark({ store, setting: 'accessKeys', isShared, read: () => this.#read() });
    this.place = sealedColumnPlace(vault, {
      store,
      table: 'access_keys',
      projectColumn: 'project',
      keyColumn: 'id',
      column: 'secret',
      encoding: 'bytes',
      placeOf: placeOfSecret,
    });
  }

  /** Errors: those of the store. */
  static async open(options: AccessKeyStoreOptions): Promise<AccessKeyStore> {
    const keys = new AccessKeyStore(options);
    await keys.#mark.start();
    return keys;
  }

  /** Makes a key, whose secret is shown this once. Errors: CORDON_ACCESS_KEY_INVALID, those of the vault and the store. */
  create(wanted: NewAccessKey): Promise<{ readonly info: AccessKeyInfo; readonly secret: Secret }> {
    return this.#mark.inTurn(async () => {
      const now = this.#clock.now();
      checkNewAccessKey(wanted, now);
      const most = LIMITS.accessKeysMax.value;
      if (this.list(wanted.project).length >= most)
        throw invalid(`there are ${most} keys, the most that there may be`);
      let made = newKeyPair();
      // The store refuses an id that is taken; another is as good.
      while (this.#keys.has(made.id)) made = newKeyPair();
      const { id, secret } = made;
      const { project, name, prefix, expiresAt } = wanted;
      const buckets = [...new Set(wanted.buckets)];
      const can = [...new Set(wanted.can)];
      const sealed = await this.#vault.seal(project, placeOfSecret(id), Buffer.from(secret.reveal()));
      const row = {
        id,
        project,
        name,
        secret: sealed,
        scope: JSON.stringify({ buckets, prefix, can }),
        created_at: now,
        expires_at: expiresAt,
        used_at: null,
      };
      await this.#mark.commit(this.#db.insertInto('access_keys').values(row).compile());
      const info = { id, project, name, buckets, prefix, can, createdAt: now, expiresAt, usedAt: null };
      this.#keys.set(id, info);
      return { info, secret };
    });
  }

  /** Oldest first. */
  list(project: string): AccessKeyInfo[] {
    return [...this.#keys.values()]
      .map((info) => ({ ...info, usedAt: this.#uses.lastOf(info.id) ?? info.usedAt }))
      .filter((info) => info.project === project)
      .sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
  }

  /** Refuses the key from now on, also where the store then fails. Errors: CORDON_ACCESS_KEY_UNKNOWN, those of the store. */
  revoke(project: string, id: string): Promise<AccessKeyInfo> {
    const info = this.#keys.get(id);
    if (info === undefined || info.project !== project) return Promise.reject(unknown(id));
    this.#revoked.add(id);
    this.#forget(id);
    return this.#mark.inTurn(async () => {
      await this.#mark.commit(this.#db.deleteFrom('access_keys').where('id', '=', id).compile());
      this.#forget(id);
      this.#revoked.delete(id);
      this.#uses.forget(id);
      return info;
    });
  }

  /**
   * The key with an id, whoever claims it: it says nothing about access before a signature is checked with it.
   * Null where there is none, or it was revoked, or is past its time. Errors: those of the vault and the store.
   */
  async find(id: string): Promise<AccessKey | null> {
    if (this.#current(id) === null) return null;
    const secret = this.#secrets.get(id) ?? (await this.#open(id));
    // It may have been revoked meanwhile.
    const info = this.#current(id);
    if (info === null || secret === null) return null;
    this.#secrets.set(id, secret);
    return { ...info, secret };
  }

  /** Whether a key that has signed lets do this now; it is then in use. */
  allows({ id }: { readonly id: string }, use: AccessUse): boolean {
    const info = this.#current(id);
    if (info === null) return false;
    this.#uses.add(id);
    return scopeAllows(info, use);
  }

  /** Writes when keys were last used. Errors: those of the store. */
  flush(): Promise<void> {
    return this.#uses.flush();
  }

  /** Reads what other nodes changed. Errors: those of the store. */
  refresh(): Promise<void> {
    return this.#mark.refresh();
  }

  /** Errors: those of the store. */
  async close(): Promise<void> {
    await this.#mark.close();
    await this.#uses.close();
  }

  get #db() {
    return queryBuilder(this.#store.dialect);
  }

  #current(id: string): AccessKeyInfo | null {
    const info = this.#keys.get(id);
    if (info === undefined) return null;
    return info.expiresAt !== null && info.expiresAt <= this.#clock.now() ? null : info;
  }

  #forget(id: string): void {
    this.#keys.delete(id);
    this.#secrets.delete(id);
  }

  async #open(id: string): Promise<Secret | null> {
    const select = this.#db.selectFrom('access_keys').select(['project', 'secret']).where('id', '=', id);
    const [row] = await this.#store.query<{ project: string; secret: Uint8Array }>(select.compile());
    if (row === undefined) return null;
    const plaintext = await this.#vault.open(row.project, placeOfSecret(id), row.secret);
    const text = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString();
    plaintext.fill(0);
    return new Secret(text);
  }

  async #read(): Promise<void> {
    const select = this.#db
      .selectFrom('access_keys')
      .select(['id', 'project', 'name', 'scope', 'created_at', 'expires_at', 'used_at']);
    const rows = await this.#store.query<KeyRow>(select.compile());
    const known = rows.filter(({ id }) => !this.#revoked.has(id));
    this.#keys = new Map(known.map((row) => [row.id, infoOf(row)]));
    for (const id of this.#secrets.keys()) if (!this.#keys.has(id)) this.#secrets.delete(id);
  }
}

/** Times of PostgreSQL come as text. */
interface KeyRow {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly scope: string;
  readonly created_at: number | string;
  readonly expires_at: number | string | null;
  readonly used_at: number | string | null;
}

function infoOf({ id, project, name, scope, created_at, expires_at, used_at }: KeyRow): AccessKeyInfo {
  const { buckets, prefix, can } = JSON.parse(scope) as {
    buckets: string[];
    prefix: string;
    can: AccessOperation[];
  };
  return {
    id,
    project,
    name,
    buckets,
    prefix,
    can,
    createdAt: Number(created_at),
    expiresAt: expires_at === null ? null : Number(expires_at),
    usedAt: used_at === null ? null : Number(used_at),
  };
}

function placeOfSecret(id: string): string {
  return placeOf('access-key', id);
}

function unknown(id: string): CordonError {
  return new CordonError(
    'CORDON_ACCESS_KEY_UNKNOWN',
    `Cannot revoke ${JSON.stringify(id.slice(0, 80))}: there is no such access key.`,
  );
}
