/**
 * The port of large objects that are written and read as streams, under random names. Adapters: files
 * (embedded), later S3. Who uses it keeps the names: an object is there for good once `keep` is called, or
 * once `recover` hears that its name is known.
 */
export interface StreamedObjects {
  /** Begins an object. Errors: CORDON_STORE_FULL, CORDON_STORE_FAILED, as all of the sink. */
  create(): Promise<ObjectSink>;
  /** Opens an object, also one that is written and not kept yet. Errors: CORDON_OBJECT_MISSING, CORDON_STORE_FAILED. */
  open(name: string): Promise<StreamedObject>;
  /** Says that the name is durably known. Until then a restart asks for it. */
  keep(name: string): Promise<void>;
  /** Who reads it goes on reading. No error when there is none. */
  delete(name: string): Promise<void>;
  /** Looks at what was written and not kept before a crash: what `known` does not return is removed. Returns how many. */
  recover(known: (names: readonly string[]) => Promise<ReadonlySet<string>>): Promise<number>;
}

/** Takes the bytes of one new object. */
export interface ObjectSink {
  readonly name: string;
  /** Appends; wait for it before the next. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes what was written durable. */
  finish(): Promise<void>;
  /** Throws it away. It never throws, and does nothing after `finish`. */
  abandon(): Promise<void>;
}

/** One object that is open for reading. */
export interface StreamedObject {
  readonly size: number;
  /**
   * The bytes from `start` up to, not including, `end`, or fewer at the end of the object. They are in `memory`
   * where it is given and large enough, and otherwise in memory of their own.
   */
  read(start: number, end: number, memory?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}
