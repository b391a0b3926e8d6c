import { timingSafeEqual } from 'node:crypto';
import { CordonError, LIMITS, systemClock } from '../../contract/index.ts';
import type { Clock, Secret } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { ChangeMark } from '../change-mark.ts';
import { REASONS } from '../reasons.ts';
import { KeyUses } from './key-uses.ts';
import { digestOf, keyIdIn, newKey } from './key-text.ts';

/** Compared where there is no such key, so that its absence costs as much as a wrong one. */
const NO_DIGEST = Buffer.alloc(32);
const NO_KEY = 'x';
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

/** Whose keys: those of one authenticator of an app. */
export interface KeyRealm {
  readonly project: string;
  readonly app: string;
  /** Name in the manifest. */
  readonly authenticator: string;
}

/** What may be known of a key: all but its secret. Times in ms since the epoch. */
export interface ApiKeyInfo extends KeyRealm {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  /** Null: never. */
  readonly expiresAt: number | null;
  /** Null: never, or not since it was last written, which is done once a minute. */
  readonly usedAt: number | null;
}

export interface NewApiKey extends KeyRealm {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
}

export interface ApiKeyStoreOptions {
  readonly store: Store;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** True where other nodes change keys too: what they did is read every `LIMITS.apiKeyPollMs`. */
  readonly isShared?: boolean;
}

interface Known {
  readonly info: ApiKeyInfo;
  readonly digest: Buffer;
}

/**
 * Keeps the API keys of all apps, with an index of them in memory: a key is judged at once, and one that is
 * revoked here is refused from that moment on. Refuses keys that no manifest could ask for.
 */
export class ApiKeyStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #uses: KeyUses;
  readonly #mark: ChangeMark;
  #keys = new Map<string, Known>();
  /** Ids that are refused whatever the store says: it has not forgotten them yet. */
  readonly #revoked = new Set<string>();

  private constructor({ store, clock = systemClock, isShared = false }: ApiKeyStoreOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#uses = new KeyUses({ store, clock, table: 'api_keys' });
    this.#mark = new ChangeMark({ store, setting: 'apiKeys', isShared, read: () => this.#read() });
  }

  /** Errors: those of the store. */
  static async open(options: ApiKeyStoreOptions): Promise<ApiKeyStore> {
    const keys = new ApiKeyStore(options);
    await keys.#mark.start();
    return keys;
  }

  /** Makes a key, whose text is shown this once. Errors: CORDON_API_KEY_INVALID, those of the store. */
  create(wanted: NewApiKey): Promise<{ readonly info: ApiKeyInfo; readonly key: Secret }> {
    return this.#mark.inTurn(async () => {
      this.#check(wanted);
      let made = newKey();
      // The store refuses an id that is taken; another is as good.
      while (this.#keys.has(made.id)) made = newKey();
      const { id, key, sha256 } = made;
      const info = infoOf(id, wanted, this.#clock.now());
      const row = {
        id,
        project: info.project,
        app: info.app,
        authenticator: info.authenticator,
        sha256,
        name: info.name,
        scopes: JSON.stringify(info.scopes),
        created_at: info.createdAt,
        expires_at: info.expiresAt,
        used_at: null,
      };
      await this.#mark.commit(this.#db.insertInto('api_keys').values(row).compile());
      this.#keys.set(id, { info, digest: Buffer.from(sha256, 'hex') });
      return { info, key };
    });
  }

  /** Oldest first; of one app, or of all. */
  list(project: string, app: string | null = null): ApiKeyInfo[] {
    return [...this.#keys.values()]
      .map(({ info }) => ({ ...info, usedAt: this.#uses.lastOf(info.id) ?? info.usedAt }))
      .filter((info) => info.project === project && (app === null || info.app === app))
      .sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1));
  }

  /** Refuses the key from now on, also where the store then fails. Errors: CORDON_API_KEY_UNKNOWN, those of the store. */
  revoke(project: string, id: string): Promise<ApiKeyInfo> {
    const known = this.#keys.get(id);
    if (known === undefined || known.info.project !== project) return Promise.reject(unknown(id));
    this.#revoked.add(id);
    this.#keys.delete(id);
    return this.#mark.inTurn(async () => {
      await this.#mark.commit(this.#db.deleteFrom('api_keys').where('id', '=', id).compile());
      this.#keys.delete(id);
      this.#revoked.delete(id);
      this.#uses.forget(id);
      return known.info;
    });
  }

  /**
   * The key that a text is, or why it is none of this realm. Whatever is wrong with it, one text is hashed
   * and one digest compared in constant time.
   */
  verify(text: string | null, realm: KeyRealm): ApiKeyInfo | string {
    const id = text === null ? null : keyIdIn(text);
    const known = id === null ? undefined : this.#keys.get(id);
    const isEqual = timingSafeEqual(
      digestOf(id === null || text === null ? NO_KEY : text),
      known?.digest ?? NO_DIGEST,
    );
    if (id === null) return 'it is no API key';
    if (known === undefined) return 'there is no such key';
    if (!isEqual) return 'its secret is wrong';
    return this.#judge(known.info, realm) ?? this.#used(known.info);
  }

  /** True while the key with this id would be let in. */
  isCurrent(id: string, realm: KeyRealm): boolean {
    const known = this.#keys.get(id);
    return known !== undefined && this.#judge(known.info, realm) === null;
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

  #judge(info: ApiKeyInfo, { project, app, authenticator }: KeyRealm): string | null {
    if (info.project !== project || info.app !== app || info.authenticator !== authenticator)
      return 'the key is for something else';
    return info.expiresAt !== null && info.expiresAt <= this.#clock.now() ? REASONS.expired : null;
  }

  #used(info: ApiKeyInfo): ApiKeyInfo {
    this.#uses.add(info.id);
    return info;
  }

  async #read(): Promise<void> {
    const rows = await this.#store.query<KeyRow>(this.#db.selectFrom('api_keys').selectAll().compile());
    const known = rows.filter(({ id }) => !this.#revoked.has(id));
    this.#keys = new Map(known.map((row) => [row.id, knownOf(row)]));
  }

  #check({ project, name, scopes, expiresAt }: NewApiKey): void {
    const bytes = Buffer.byteLength(name);
    if (
      bytes === 0 ||
      bytes > LIMITS.apiKeyNameBytesMax.value ||
      !name.isWellFormed() ||
      /\p{Cc}/u.test(name)
    )
      throw invalid(`its name has to be 1 to ${LIMITS.apiKeyNameBytesMax.value} bytes of plain text`);
    if (scopes.length > LIMITS.apiKeyScopesMax.value || !scopes.every((scope) => SCOPE.test(scope)))
      throw invalid(`it can have at most ${LIMITS.apiKeyScopesMax.value} scopes, of printable ASCII`);
    if (expiresAt !== null && !(Number.isSafeInteger(expiresAt) && expiresAt > this.#clock.now()))
      throw invalid('it would have expired already');
    const most = LIMITS.apiKeysMax.value;
    if (this.list(project).length >= most)
      throw invalid(`there are ${most} keys, the most that there may be`);
  }
}

/** Times of PostgreSQL come as text. */
interface KeyRow extends KeyRealm {
  readonly id: string;
  readonly sha256: string;
  readonly name: string;
  readonly scopes: string;
  readonly created_at: number | string;
  readonly expires_at: number | string | null;
  readonly used_at: number | string | null;
}

function knownOf(row: KeyRow): Known {
  const { id, project, app, authenticator, name } = row;
  const info: ApiKeyInfo = {
    id,
    project,
    app,
    authenticator,
    name,
    scopes: JSON.parse(row.scopes) as string[],
    createdAt: Number(row.created_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
    usedAt: row.used_at === null ? null : Number(row.used_at),
  };
  return { info, digest: Buffer.from(row.sha256, 'hex') };
}

function infoOf(id: string, wanted: NewApiKey, createdAt: number): ApiKeyInfo {
  const { project, app, authenticator, name, expiresAt } = wanted;
  const scopes = [...new Set(wanted.scopes)];
  return { id, project, app, authenticator, name, scopes, createdAt, expiresAt, usedAt: null };
}

function invalid(why: string): CordonError {
  return new CordonError('CORDON_API_KEY_INVALID', `Cannot make this API key: ${why}.`);
}

function unknown(id: string): CordonError {
  return new CordonError(
    'CORDON_API_KEY_UNKNOWN',
    `Cannot revoke ${JSON.stringify(id.slice(0, 80))}: there is no such API key.`,
  );
}
