import { randomUUID } from 'node:crypto';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { ObjectSink } from '../object/index.ts';
import { queryBuilder } from '../store/index.ts';
import type { Write } from '../store/index.ts';
import { plaintextSize } from '../vault/index.ts';
import type { StorageEnvironment } from './environment.ts';
import { inPieces } from './session.ts';

const INLINE_BYTES_MAX = LIMITS.inlineContentBytesMax.value;

/** Sealed bytes of one value: in its row when small, in a streamed object otherwise. */
export interface Content {
  readonly value: Uint8Array | null;
  readonly object: string | null;
  /** Bytes of plaintext. */
  readonly size: number;
}

export interface ContentPlace {
  readonly project: string;
  /** Where it is sealed. */
  readonly place: string;
}

export interface TakeOptions {
  readonly bytesMax: number;
  readonly tooLarge: () => CordonError;
  /** Sees the plaintext as it passes. */
  readonly onChunk?: (chunk: Uint8Array) => void;
}

/** A new version of a value; two never share one. */
export function newVersion(): string {
  return randomUUID().replaceAll('-', '');
}

/** Writes and reads the bytes of values, of any size with the same memory. */
export class Contents {
  readonly #environment: StorageEnvironment;
  #draining: Promise<void> | null = null;

  constructor(environment: StorageEnvironment) {
    this.#environment = environment;
  }

  /** Finishes what a crash left: objects that were written, or were to be deleted. Before the first write. */
  async recover(): Promise<void> {
    await this.#environment.objects.recover((names) => this.#known(names));
    await this.#drain();
  }

  /** Seals bytes from a stream. What it returns is durable; `keep` or `drop` has to follow. */
  async take(
    { project, place }: ContentPlace,
    body: AsyncIterable<Uint8Array>,
    { bytesMax, tooLarge, onChunk }: TakeOptions,
  ): Promise<Content> {
    const iterator = body[Symbol.asyncIterator]();
    const held: Uint8Array[] = [];
    let size = 0;
    const count = (chunk: Uint8Array): void => {
      size += chunk.byteLength;
      if (size > bytesMax) throw tooLarge();
      onChunk?.(chunk);
    };
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) {
        const plaintext = Buffer.concat(held, size);
        return { value: await this.#environment.sealer.seal(project, place, plaintext), object: null, size };
      }
      count(next.value);
      held.push(next.value);
      if (size > INLINE_BYTES_MAX) break;
    }
    const sink = await this.#environment.objects.create();
    try {
      const plaintext = following(held, iterator, count);
      for await (const sealed of this.#environment.sealer.sealStream(project, place, plaintext))
        await sink.write(sealed);
      await sink.finish();
    } catch (thrown) {
      await abandon(sink, this.#environment);
      throw thrown;
    }
    return { value: null, object: sink.name, size };
  }

  /** After the row is committed. It never throws. */
  async keep(content: Content): Promise<void> {
    // A row names it: where it cannot be moved now it is read where it is, and the next start moves it.
    if (content.object !== null) await this.#environment.objects.keep(content.object).catch(() => undefined);
  }

  /** When no row was committed. It never throws. */
  async drop(content: Content): Promise<void> {
    if (content.object !== null)
      await this.#environment.objects.delete(content.object).catch(() => undefined);
  }

  /** The bytes of a value that is in its row. */
  inline({ project, place }: ContentPlace, value: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#environment.sealer.open(project, place, value);
  }

  /**
   * The bytes from `start` up to, not including, `end`. The object is open when it resolves, so that a later
   * write does not cut it. Errors: CORDON_OBJECT_MISSING when it was replaced already.
   */
  async open(
    place: ContentPlace,
    content: Content,
    range: { readonly start: number; readonly end: number },
  ): Promise<AsyncGenerator<Uint8Array>> {
    if (content.object === null) return this.#inlineRange(place, content, range);
    const object = await this.#environment.objects.open(content.object);
    const sealer = this.#environment.sealer;
    if (plaintextSize(object.size) !== content.size) {
      await object.close();
      throw new CordonError(
        'CORDON_SEAL_BROKEN',
        `The object ${content.object} has another size than its row.`,
      );
    }
    return (async function* () {
      try {
        yield* sealer.openRange(place.project, place.place, object, range);
      } finally {
        await object.close();
      }
    })();
  }

  /** A write that notes the objects of rows which the same transaction removes or replaces. */
  release(
    table: 'kv' | 'bucket_objects' | 'multipart_parts' | 'rejected_objects',
    versionsOrRow: ReleasedRows,
  ): Write {
    const db = queryBuilder(this.#environment.store.dialect);
    let rows = db.selectFrom(table).select('object').where('object', 'is not', null);
    for (const [column, value] of Object.entries(versionsOrRow)) {
      const reference = column as 'version';
      rows = Array.isArray(value)
        ? rows.where(reference, 'in', value as readonly string[])
        : rows.where(reference, '=', value as string);
    }
    return db
      .insertInto('released_objects')
      .columns(['object'])
      .expression(rows as never)
      .compile();
  }

  /** Deletes the files of released objects, in the background. */
  collect(): void {
    this.#drain().catch(() => undefined);
  }

  /** Resolves when nothing is being deleted. */
  async settled(): Promise<void> {
    await this.#draining?.catch(() => undefined);
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#deleteReleased().finally(() => {
      this.#draining = null;
    });
    return this.#draining;
  }

  async #deleteReleased(): Promise<void> {
    const { store, objects } = this.#environment;
    const db = queryBuilder(store.dialect);
    for (;;) {
      const rows = await store.query<{ object: string }>(
        db.selectFrom('released_objects').select('object').limit(LIMITS.releasedBatchMax.value).compile(),
      );
      if (rows.length === 0) return;
      const names = rows.map(({ object }) => object);
      for (const name of names) await objects.delete(name);
      await store.commit([db.deleteFrom('released_objects').where('object', 'in', names).compile()]);
    }
  }

  async #known(names: readonly string[]): Promise<ReadonlySet<string>> {
    const { store } = this.#environment;
    const db = queryBuilder(store.dialect);
    const found = new Set<string>();
    for (let start = 0; start < names.length; start += LIMITS.releasedBatchMax.value) {
      const some = names.slice(start, start + LIMITS.releasedBatchMax.value);
      for (const table of ['kv', 'bucket_objects', 'multipart_parts', 'rejected_objects'] as const) {
        const query = db.selectFrom(table).select('object').where('object', 'in', some).compile();
        for (const { object } of await store.query<{ object: string }>(query)) found.add(object);
      }
    }
    return found;
  }

  async *#inlineRange(
    place: ContentPlace,
    content: Content,
    range: { readonly start: number; readonly end: number },
  ): AsyncGenerator<Uint8Array> {
    const bytes = await this.inline(place, content.value ?? new Uint8Array(0));
    yield* inPieces(bytes.subarray(range.start, range.end));
  }
}

/** Columns and their values; a list means any of them. */
export type ReleasedRows = Readonly<Record<string, string | readonly string[]>>;

async function* following(
  held: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
  count: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  yield* held;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    count(next.value);
    yield next.value;
  }
}

async function abandon(sink: ObjectSink, { objects }: StorageEnvironment): Promise<void> {
  await sink.abandon();
  // It may have been finished already.
  await objects.delete(sink.name).catch(() => undefined);
}
