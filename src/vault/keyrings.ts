import { randomBytes } from 'node:crypto';
import { CordonError, LIMITS, type Clock } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { DataKey, shredded, type DataKeyOptions } from './data-key.ts';
import { KEY_BYTES } from './format.ts';
import { KeyTable, type KeyRow, type ProjectKeys } from './key-table.ts';
import type { KeyContext, KeyWrapper } from './port.ts';

/** The data keys of one project that are in memory. */
interface Keyring {
  readonly keys: Map<number, DataKey>;
  current: number;
  /** When the store was last asked whether they exist, monotonic. */
  checkedAt: number;
}

export interface KeyringsOptions {
  readonly store: Store;
  /** The first wraps new data keys; the others only unwrap. */
  readonly wrappers: readonly [KeyWrapper, ...KeyWrapper[]];
  readonly clock: Clock;
  readonly dataKeys: DataKeyOptions;
}

/** Which data key is meant: the one for new values, made where there is none, or one of a version. */
type Wanted = 'current' | number;

/** Data keys: made, wrapped, stored, unwrapped, and kept in memory for the projects that were used last. */
export class Keyrings {
  readonly table: KeyTable;
  readonly #clock: Clock;
  readonly #dataKeys: DataKeyOptions;
  readonly #wrappers = new Map<string, KeyWrapper>();
  readonly #rings = new Map<string, Keyring>();
  readonly #loading = new Map<string, Promise<DataKey>>();
  /** The end of what changes or reads the keys of a project: one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #wrapper: KeyWrapper;

  constructor(options: KeyringsOptions) {
    this.table = new KeyTable(options.store);
    this.#clock = options.clock;
    this.#dataKeys = options.dataKeys;
    this.#wrapper = options.wrappers[0];
    for (const wrapper of options.wrappers) this.#wrappers.set(wrapper.id, wrapper);
  }

  /** The key when it is in memory and known to exist, at once. */
  find(project: string, wanted: Wanted): DataKey | null {
    const ring = this.#rings.get(project);
    if (ring === undefined || this.#clock.monotonic() - ring.checkedAt > LIMITS.keyRefreshMs.value)
      return null;
    return ring.keys.get(wanted === 'current' ? ring.current : wanted) ?? null;
  }

  /** Errors: CORDON_KEY_SHREDDED, CORDON_KEY_MISSING, CORDON_KEY_UNAVAILABLE, CORDON_KEY_REFUSED. */
  async get(project: string, wanted: Wanted): Promise<DataKey> {
    const found = this.find(project, wanted);
    if (found !== null) return found;
    const id = `${wanted} ${project}`;
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#inTurn(project, () => this.#load(project, wanted)).finally(() =>
        this.#loading.delete(id),
      );
      this.#loading.set(id, loading);
    }
    return loading;
  }

  /** All keys of a project, the current one first. None where the project has none yet. */
  async all(project: string): Promise<readonly DataKey[]> {
    const { rows } = await this.table.read(project);
    const keys: DataKey[] = [];
    for (const { version } of rows) keys.push(await this.get(project, version));
    return keys;
  }

  rotate(project: string): Promise<number> {
    return this.#inTurn(project, async () => {
      const { rows } = this.#refuseShredded(project, await this.table.read(project));
      if (rows.length >= LIMITS.dataKeyVersionsMax.value) {
        throw new CordonError(
          'CORDON_RESEAL_INCOMPLETE',
          `The project ${project} has ${rows.length} data keys: forget retired ones first.`,
        );
      }
      const key = await this.#create({ project, version: (rows[0]?.version ?? 0) + 1 });
      const ring = this.#rings.get(project);
      if (ring === undefined) this.#keep(project, key);
      else {
        ring.keys.set(key.context.version, key);
        ring.current = key.context.version;
      }
      return key.context.version;
    });
  }

  shred(project: string): Promise<void> {
    return this.#inTurn(project, async () => {
      // Out of use before it is durable: no value may be acknowledged that cannot be opened later.
      this.#drop(project);
      await this.table.shred(project, this.#clock.now());
      // The key is only gone when no older copy of its row is left.
      await this.table.scrub();
    });
  }

  forget(project: string, versions: readonly number[]): Promise<void> {
    return this.#inTurn(project, async () => {
      await this.table.forget(project, versions);
      for (const version of versions) {
        this.#rings.get(project)?.keys.get(version)?.destroy();
        this.#rings.get(project)?.keys.delete(version);
      }
    });
  }

  /** Takes a master key into use for new data keys. */
  useWrapper(wrapper: KeyWrapper): void {
    this.knowWrapper(wrapper);
    this.#wrapper = wrapper;
  }

  knowWrapper(wrapper: KeyWrapper): void {
    this.#wrappers.set(wrapper.id, wrapper);
  }

  /** Resolves when no key is being made that was begun before. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#turns.values()]);
  }

  /** The bytes of a data key. Erase them after use. */
  async unwrap(row: KeyRow): Promise<Uint8Array> {
    const wrapper = this.#wrappers.get(row.wrapper);
    if (wrapper === undefined) throw unknownWrapper(row.wrapper);
    return checkLength(await wrapper.unwrap(row.wrapped, row), wrapper);
  }

  async #load(project: string, wanted: Wanted): Promise<DataKey> {
    const found = this.find(project, wanted);
    if (found !== null) return found;
    const { rows } = this.#refuseShredded(project, await this.table.read(project));
    const [newest] = rows;
    if (newest === undefined && wanted === 'current') {
      this.#drop(project);
      try {
        const key = await this.#create({ project, version: 1 });
        this.#keep(project, key);
        return key;
      } catch (error) {
        // Another process made it, or shredded the project.
        if (error instanceof CordonError && error.code === 'CORDON_STORE_CONFLICT') {
          return this.#load(project, wanted);
        }
        throw error;
      }
    }
    const row = wanted === 'current' ? newest : rows.find(({ version }) => version === wanted);
    const ring = this.#refresh(project, rows);
    if (row === undefined || newest === undefined) {
      throw new CordonError('CORDON_KEY_MISSING', `The project ${project} has no data key ${wanted}.`);
    }
    const known = ring?.keys.get(row.version);
    if (known !== undefined) return known;
    const key = new DataKey(contextOf(row), await this.unwrap(row), this.#dataKeys);
    if (ring === undefined) this.#keep(project, key, newest.version);
    else ring.keys.set(row.version, key);
    return key;
  }

  /** Drops keys that are gone from the store. */
  #refresh(project: string, rows: readonly KeyRow[]): Keyring | undefined {
    const ring = this.#rings.get(project);
    const [newest] = rows;
    if (ring === undefined || newest === undefined) {
      this.#drop(project);
      return undefined;
    }
    for (const [version, key] of ring.keys) {
      if (rows.some((row) => row.version === version)) continue;
      key.destroy();
      ring.keys.delete(version);
    }
    ring.current = newest.version;
    ring.checkedAt = this.#clock.monotonic();
    // The most recently used is the last to go.
    this.#rings.delete(project);
    this.#rings.set(project, ring);
    return ring;
  }

  #keep(project: string, key: DataKey, current = key.context.version): void {
    const keys = new Map([[key.context.version, key]]);
    this.#rings.set(project, { keys, current, checkedAt: this.#clock.monotonic() });
    if (this.#rings.size > LIMITS.projectsUnlockedMax.value) {
      // Not destroyed: who is using it goes on, and it is collected then.
      const [oldest = ''] = this.#rings.keys();
      this.#rings.delete(oldest);
    }
  }

  #drop(project: string): void {
    for (const key of this.#rings.get(project)?.keys.values() ?? []) key.destroy();
    this.#rings.delete(project);
  }

  #refuseShredded(project: string, keys: ProjectKeys): ProjectKeys {
    if (!keys.isShredded) return keys;
    this.#drop(project);
    throw shredded(project);
  }

  async #create(context: KeyContext): Promise<DataKey> {
    const bytes = randomBytes(KEY_BYTES);
    const wrapper = this.#wrapper;
    const wrapped = await wrapper.wrap(bytes, context);
    await this.table.add({
      ...context,
      wrapped,
      wrapper: wrapper.id,
      created_at: this.#clock.now(),
      retired_at: null,
    });
    return new DataKey(context, bytes, this.#dataKeys);
  }

  #inTurn<T>(project: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(project) ?? Promise.resolve();
    const turn = before.then(work, work);
    const end = turn
      .catch(() => undefined)
      .then(() => {
        if (this.#turns.get(project) === end) this.#turns.delete(project);
      });
    this.#turns.set(project, end);
    return turn;
  }
}

function contextOf({ project, version }: KeyRow): KeyContext {
  return { project, version };
}

export function unknownWrapper(id: string): CordonError {
  return new CordonError(
    'CORDON_KEY_REFUSED',
    `Cannot unwrap data keys: they are wrapped by the master key ${id}, which is not configured.`,
    { details: { wrapper: id } },
  );
}

function checkLength(bytes: Uint8Array, { id }: KeyWrapper): Uint8Array {
  if (bytes.byteLength === KEY_BYTES) return bytes;
  throw new CordonError(
    'CORDON_KEY_REFUSED',
    `The master key ${id} unwrapped ${bytes.byteLength} bytes, not ${KEY_BYTES}.`,
  );
}
