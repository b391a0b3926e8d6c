/** Which data key is wrapped. A wrapper binds it, so that the keys of two projects cannot be exchanged. */
export interface KeyContext {
  readonly project: string;
  /** From 1. */
  readonly version: number;
}

/**
 * The port of the master key: it wraps data keys and never sees data. Adapters: file, environment, command,
 * HashiCorp Vault Transit, AWS KMS.
 * Errors of both: CORDON_KEY_UNAVAILABLE (try again), CORDON_KEY_REFUSED (it will not).
 */
export interface KeyWrapper {
  /** Names the master key, and is stored beside what it wrapped: another key has another id. */
  readonly id: string;
  wrap(dataKey: Uint8Array, context: KeyContext): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array>;
}

/** A name that stands for a text and does not reveal it. */
export interface KeyedName {
  readonly version: number;
  /** HMAC-SHA256, lower-case hex. */
  readonly name: string;
}

/** Where sealed bytes can be read from any position, such as a file. */
export interface SealedSource {
  /** Bytes, sealed. */
  readonly size: number;
  /** Exactly the bytes from `start` up to, not including, `end`. They may be put into `memory`. */
  read(start: number, end: number, memory?: Uint8Array): Promise<Uint8Array>;
}

/** Plaintext bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** One value or object of a `SealedPlace`. */
export interface SealedItem {
  /** Orders the items of a place; unique in it. */
  readonly cursor: string;
  /** Of the data key with which it is sealed: `sealedVersion(bytes)`. */
  readonly version: number;
}

/** What became of the items that had to be resealed. Those that changed meanwhile count as neither. */
export interface Rewritten {
  readonly rewritten: number;
  /** Could not be opened, and were left as they are. */
  readonly broken: number;
}

/** Something that keeps sealed data, so that it can be walked through when a key is rotated. */
export interface SealedPlace {
  /** Stable: progress is recorded under it. */
  readonly name: string;
  /** At most `limit` items of the project whose cursor is greater than `after`, in the order of their cursors. */
  list(project: string, after: string | null, limit: number): Promise<readonly SealedItem[]>;
  /** Opens and seals these items anew. An item that somebody else changed meanwhile has to stay as it is. */
  rewrite(project: string, items: readonly SealedItem[]): Promise<Rewritten>;
}

export interface ResealProgress {
  readonly project: string;
  /** The place that is walked through. */
  readonly place: string;
  /** Items that were looked at in this place, rewritten and found broken, also before an interruption. */
  readonly seen: number;
  readonly rewritten: number;
  readonly broken: number;
  readonly isDone: boolean;
}

export interface MasterRotationProgress {
  /** Data keys that are wrapped by the new master key, of all. */
  readonly done: number;
  readonly total: number;
}

/** For work that takes long. */
export interface WorkOptions<Progress> {
  readonly onProgress?: (progress: Progress) => void;
  /** Stops between two durable marks; the next call goes on from there. */
  readonly signal?: AbortSignal;
}

/**
 * Seals what users wrote. `place` says where a value is, such as `placeOf('kv', store, key)`: it opens only
 * there. All that opens fails with CORDON_SEAL_BROKEN, CORDON_KEY_MISSING, CORDON_KEY_SHREDDED,
 * CORDON_KEY_UNAVAILABLE or CORDON_KEY_REFUSED.
 */
export interface Vault {
  /**
   * The value itself while the key is in memory, a promise of it otherwise: `await` takes both.
   * Errors: CORDON_SEAL_TOO_LARGE and those of a key.
   */
  seal(project: string, place: string, plaintext: Uint8Array): Uint8Array | Promise<Uint8Array>;
  open(project: string, place: string, sealed: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Sealed bytes of a stream, chunk by chunk, at the pace of who reads. */
  sealStream(project: string, place: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /**
   * Each chunk is authentic when it is yielded. Only the end of the stream says that nothing was cut off: what
   * must be whole waits for it.
   */
  openStream(project: string, place: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** A part of a sealed stream, cut to the size that it has. The end of the stream is checked first. */
  openRange(
    project: string,
    place: string,
    source: SealedSource,
    range: ByteRange,
  ): AsyncGenerator<Uint8Array>;
  /** Names of a text under each data key of the project, the current one first. */
  keyedNames(project: string, text: string): Promise<readonly KeyedName[]>;
  /** Seals new values with a new data key; older ones stay readable. Returns its version. Errors: CORDON_RESEAL_INCOMPLETE. */
  rotateDataKey(project: string): Promise<number>;
  /** Brings everything in the places to the current data key. Goes on where an earlier call was interrupted. */
  reseal(
    project: string,
    places: readonly SealedPlace[],
    options?: WorkOptions<ResealProgress>,
  ): Promise<readonly ResealProgress[]>;
  /** From when on retired data keys may be forgotten, in milliseconds since the epoch; null while there are none. */
  forgettableAt(project: string): Promise<number | null>;
  /**
   * Deletes retired data keys, after a last walk through all places of the project, which must be all there
   * are. Returns how many. Errors: CORDON_RESEAL_INCOMPLETE within the grace time or when something is broken.
   */
  forgetRetiredKeys(
    project: string,
    places: readonly SealedPlace[],
    options?: WorkOptions<ResealProgress>,
  ): Promise<number>;
  /**
   * Wraps all data keys with another master key: all at once, however it is interrupted. Until it returns the
   * old master key is needed, afterwards only the new one. Returns how many.
   */
  rotateMaster(wrapper: KeyWrapper, options?: WorkOptions<MasterRotationProgress>): Promise<number>;
  /** Destroys the data keys of a project for good: nothing of it opens or is sealed ever again. Idempotent. */
  shredProject(project: string): Promise<void>;
}
