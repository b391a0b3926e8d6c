import { CordonError, LIMITS, systemClock, type Clock } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { DataKeyOptions } from './data-key.ts';
import {
  STREAM_FORMAT,
  STREAM_HEADER_BYTES,
  STREAM_SALT_BYTES,
  broken,
  bufferOf,
  readStreamHeader,
  readValueHeader,
  writeHeader,
} from './format.ts';
import type { KeyRow } from './key-table.ts';
import { Keyrings, unknownWrapper } from './keyrings.ts';
import { rotateMaster } from './master-rotation.ts';
import type {
  ByteRange,
  KeyedName,
  KeyWrapper,
  MasterRotationProgress,
  ResealProgress,
  SealedPlace,
  SealedSource,
  Vault,
  WorkOptions,
} from './port.ts';
import { Resealing } from './reseal.ts';
import { openChunkRange, openChunks, sealChunks } from './stream-cipher.ts';

export interface VaultOptions {
  readonly store: Store;
  /** Wraps new data keys. */
  readonly wrapper: KeyWrapper;
  /** Master keys that wrap older data keys still, until `rotateMaster` has run. Default: none. */
  readonly previousWrappers?: readonly KeyWrapper[];
  readonly clock?: Clock;
  /** For tests. */
  readonly dataKeys?: DataKeyOptions;
}

/** Opens the vault of a store. Errors: CORDON_KEY_REFUSED when a data key is wrapped by a master key that is not given. */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const wrappers = [options.wrapper, ...(options.previousWrappers ?? [])] as const;
  const clock = options.clock ?? systemClock;
  const keyrings = new Keyrings({ store: options.store, wrappers, clock, dataKeys: options.dataKeys ?? {} });
  for (const id of await keyrings.table.wrappers()) {
    if (!wrappers.some((wrapper) => wrapper.id === id)) throw unknownWrapper(id);
  }
  return new StoreVault(keyrings, new Resealing(options.store, clock), clock);
}

class StoreVault implements Vault {
  readonly #keyrings: Keyrings;
  readonly #resealing: Resealing;
  readonly #clock: Clock;
  /** The last that was begun: one at a time. */
  #masterRotation: Promise<unknown> = Promise.resolve();

  constructor(keyrings: Keyrings, resealing: Resealing, clock: Clock) {
    this.#keyrings = keyrings;
    this.#resealing = resealing;
    this.#clock = clock;
  }

  seal(project: string, place: string, plaintext: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const key = this.#keyrings.find(project, 'current');
    if (key !== null) return key.seal(place, plaintext);
    // A copy: the caller may go on with its buffer while the key is fetched.
    const content = Uint8Array.from(plaintext);
    return this.#keyrings.get(project, 'current').then((fetched) => fetched.seal(place, content));
  }

  open(project: string, place: string, sealed: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const bytes = bufferOf(sealed);
    const { version } = readValueHeader(bytes);
    const key = this.#keyrings.find(project, version);
    if (key !== null) return key.open(place, bytes);
    const content = Buffer.from(bytes);
    return this.#keyrings.get(project, version).then((fetched) => fetched.open(place, content));
  }

  async *sealStream(
    project: string,
    place: string,
    source: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const key = await this.#keyrings.get(project, 'current');
    const salt = key.newStreamSalt(Buffer.alloc(STREAM_SALT_BYTES));
    const header = Buffer.alloc(STREAM_HEADER_BYTES);
    writeHeader(header, STREAM_FORMAT, { version: key.context.version, salt });
    yield header;
    yield* sealChunks(key.streamCipher(place, salt), source);
  }

  async *openStream(
    project: string,
    place: string,
    source: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    const iterator = source[Symbol.asyncIterator]();
    try {
      let taken = Buffer.alloc(0);
      while (taken.length < STREAM_HEADER_BYTES) {
        const next = await iterator.next();
        if (next.done === true) throw broken();
        taken = Buffer.concat([taken, next.value]);
      }
      const { version, salt } = readStreamHeader(taken);
      const key = await this.#keyrings.get(project, version);
      const rest = following(taken.subarray(STREAM_HEADER_BYTES), iterator);
      yield* openChunks(key.streamCipher(place, salt), rest);
    } finally {
      await iterator.return?.();
    }
  }

  async *openRange(
    project: string,
    place: string,
    source: SealedSource,
    range: ByteRange,
  ): AsyncGenerator<Uint8Array> {
    const { start, end } = range;
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
      throw new CordonError('CORDON_INTERNAL', `Cannot read the range from ${start} to ${end}.`);
    }
    if (source.size < STREAM_HEADER_BYTES) throw broken();
    const { version, salt } = readStreamHeader(bufferOf(await source.read(0, STREAM_HEADER_BYTES)));
    const key = await this.#keyrings.get(project, version);
    yield* openChunkRange(key.streamCipher(place, salt), source, range);
  }

  async keyedNames(project: string, text: string): Promise<readonly KeyedName[]> {
    // Makes the first key where there is none.
    await this.#keyrings.get(project, 'current');
    const keys = await this.#keyrings.all(project);
    return keys.map((key) => ({ version: key.context.version, name: key.nameOf(text) }));
  }

  rotateDataKey(project: string): Promise<number> {
    return this.#keyrings.rotate(project);
  }

  async reseal(
    project: string,
    places: readonly SealedPlace[],
    options: WorkOptions<ResealProgress> = {},
  ): Promise<readonly ResealProgress[]> {
    const key = await this.#keyrings.get(project, 'current');
    return this.#resealing.run(project, key.context.version, places, options);
  }

  async forgettableAt(project: string): Promise<number | null> {
    return graceEnd((await this.#keyrings.table.read(project)).rows);
  }

  async forgetRetiredKeys(
    project: string,
    places: readonly SealedPlace[],
    options: WorkOptions<ResealProgress> = {},
  ): Promise<number> {
    const { rows } = await this.#keyrings.table.read(project);
    const forgettableAt = graceEnd(rows);
    if (forgettableAt === null) return 0;
    if (this.#clock.now() < forgettableAt) {
      throw new CordonError(
        'CORDON_RESEAL_INCOMPLETE',
        `Cannot forget data keys of ${project}: one was retired less than ${LIMITS.retiredKeyGraceMs.value} ms ago.`,
      );
    }
    await this.#resealing.restart(project, forgettableAt);
    const progress = await this.reseal(project, places, options);
    const stuck = progress.find(({ broken }) => broken > 0);
    if (stuck !== undefined) {
      throw new CordonError(
        'CORDON_RESEAL_INCOMPLETE',
        `Cannot forget data keys of ${project}: ${stuck.broken} values in ${stuck.place} could not be opened.`,
        { details: { place: stuck.place, broken: stuck.broken } },
      );
    }
    const retired = rows.flatMap(({ retired_at, version }) => (retired_at === null ? [] : [version]));
    await this.#keyrings.forget(project, retired);
    return retired.length;
  }

  rotateMaster(wrapper: KeyWrapper, options: WorkOptions<MasterRotationProgress> = {}): Promise<number> {
    const before = this.#masterRotation.catch(() => undefined);
    const rotation = before.then(() => rotateMaster(this.#keyrings, wrapper, options));
    this.#masterRotation = rotation;
    return rotation;
  }

  shredProject(project: string): Promise<void> {
    return this.#keyrings.shred(project);
  }
}

/** Values that were sealed just before a rotation may be stored after its walk has passed: hence a time of grace. */
function graceEnd(rows: readonly KeyRow[]): number | null {
  const retired = rows.flatMap(({ retired_at }) => (retired_at === null ? [] : [retired_at]));
  return retired.length === 0 ? null : Math.max(...retired) + LIMITS.retiredKeyGraceMs.value;
}

async function* following(
  first: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}
