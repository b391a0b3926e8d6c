import { CordonError, LIMITS } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Tables, Write } from '../../store/index.ts';
import { placeOf } from '../../vault/index.ts';
import { newVersion } from '../contents.ts';
import type { Content, Contents, ContentPlace, TakeOptions } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { rangeOfPrefix } from '../keys.ts';
import type { Admission, BucketAdmission, BytesBound, NewObject, ObjectOrigin } from './admission.ts';
import type { RejectedObjects } from './rejected.ts';
import type { ChecksumName, HttpMetadata } from './contract.ts';

type Row = Tables['bucket_objects'];

/** A key of one bucket. */
export interface BucketPlace {
  readonly project: string;
  readonly bucket: string;
  readonly key: string;
}

/** The checksum of an object as S3 has it, which its client chose. */
export interface TransferChecksum {
  readonly algorithm: 'CRC32' | 'CRC32C' | 'CRC64NVME' | 'SHA1' | 'SHA256';
  /** Base64; of a composite one with `-` and the number of its parts. */
  readonly value: string;
  /** Over the bytes, or over the checksums of the parts. */
  readonly type: 'full' | 'composite';
}

/** What is sealed beside the bytes. */
export interface ObjectDetail {
  readonly etag: string;
  /** Lower-case hex by name. */
  readonly checksums: Readonly<Partial<Record<ChecksumName, string>>>;
  readonly httpMetadata: HttpMetadata;
  readonly customMetadata: Readonly<Record<string, string>>;
  readonly transferChecksum?: TransferChecksum;
}

/** An object as it is stored. */
export interface StoredObject {
  readonly key: string;
  readonly version: string;
  readonly content: Content;
  readonly detail: ObjectDetail;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

/** Where a page of keys begins. */
export interface Position {
  readonly key: string;
  readonly inclusive: boolean;
}

/** A condition on what is there when an object is written. */
export type Guard = (current: StoredObject | null) => boolean;

/** The objects of buckets: rows in the store, bytes in streamed objects, all sealed. */
export class BucketObjects {
  readonly #environment: StorageEnvironment;
  readonly #contents: Contents;
  readonly #inspection: InspectedBuckets | null;

  /** `inspection` null: everything goes in as it comes. */
  constructor(
    environment: StorageEnvironment,
    contents: Contents,
    inspection: InspectedBuckets | null = null,
  ) {
    this.#environment = environment;
    this.#contents = contents;
    this.#inspection = inspection;
  }

  async head({ project, bucket, key }: BucketPlace): Promise<StoredObject | null> {
    const [row] = await this.#environment.store.query<Row>(
      this.#db()
        .selectFrom('bucket_objects')
        .selectAll()
        .where('project', '=', project)
        .where('bucket', '=', bucket)
        .where('key', '=', key)
        .compile(),
    );
    return row === undefined ? null : this.#objectOf(project, bucket, row);
  }

  /** The bytes of a range. Errors: CORDON_OBJECT_MISSING when the object was replaced meanwhile. */
  open(
    place: BucketPlace,
    { content, version }: StoredObject,
    range: { readonly start: number; readonly end: number },
  ): Promise<AsyncGenerator<Uint8Array>> {
    return this.#contents.open(sealedAt(place, version), content, range);
  }

  /**
   * Stores what comes, whole or not at all; null when `guard` says no to what is there at that moment.
   * `detail` is asked when all bytes have passed and may throw. Errors: those of the admission too.
   */
  async put(
    place: BucketPlace,
    body: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<StoredObject | null> {
    const { guard, detail, origin = OUTSIDE } = options;
    const bound = this.#inspection?.admission.expect(place, origin) ?? null;
    const version = newVersion();
    const content = await this.#contents.take(sealedAt(place, version), body, boundedBy(bound, options));
    let admission: Admission | null = null;
    let isAside = false;
    try {
      const uploaded = this.#environment.clock.now();
      const stored = { key: place.key, version, content, detail: detail(), uploaded };
      admission =
        (await this.#inspection?.admission.admit(place, this.#newObject(place, stored), origin)) ?? null;
      if (admission?.kind === 'reject') {
        const { reason, note, error } = admission;
        isAside =
          (await this.#inspection?.rejected.keep(place, stored, { reason, note, actor: origin.actor })) ??
          false;
        throw error;
      }
      const changes = await this.#write(place, stored, guard, admission?.writes ?? []);
      if (changes !== null) {
        admission?.committed(changes);
        await this.#contents.keep(content);
        return stored;
      }
    } catch (thrown) {
      if (admission?.kind === 'pass') admission.failed();
      if (!isAside) await this.#contents.drop(content);
      throw thrown;
    }
    admission?.failed();
    await this.#contents.drop(content);
    return null;
  }

  async delete(project: string, bucket: string, keys: readonly string[]): Promise<void> {
    const [released] = await this.#environment.store.commit([
      this.#contents.release('bucket_objects', { project, bucket, key: keys }),
      this.#db()
        .deleteFrom('bucket_objects')
        .where('project', '=', project)
        .where('bucket', '=', bucket)
        .where('key', 'in', keys)
        .compile(),
    ]);
    if (released !== 0) this.#contents.collect();
  }

  /** Objects whose keys start with a prefix, from a position on in the order of their keys, without their bytes. */
  async page(
    project: string,
    bucket: string,
    { prefix, from, limit }: { readonly prefix: string; readonly from: Position; readonly limit: number },
  ): Promise<readonly BareRow[]> {
    const range = rangeOfPrefix(prefix);
    let query = this.#db()
      .selectFrom('bucket_objects')
      .select(['key', 'version', 'size', 'detail', 'uploaded_at'])
      .where('project', '=', project)
      .where('bucket', '=', bucket)
      // Whatever the position is, nothing outside of the prefix is told.
      .where('key', '>=', range.from)
      .where('key', from.inclusive ? '>=' : '>', from.key)
      .orderBy('key')
      .limit(limit);
    if (range.to !== null) query = query.where('key', '<', range.to);
    return this.#environment.store.query<BareRow>(query.compile());
  }

  async describe(project: string, bucket: string, row: BareRow): Promise<StoredObject> {
    return this.#objectOf(project, bucket, { ...row, project, bucket, value: null, object: null });
  }

  #newObject(place: BucketPlace, stored: StoredObject): NewObject {
    const { version, detail, content } = stored;
    const open = async function* (
      this: BucketObjects,
      start: number,
      end: number,
    ): AsyncGenerator<Uint8Array> {
      if (start < end) yield* await this.open(place, stored, { start, end });
    }.bind(this);
    return {
      version,
      detail,
      size: content.size,
      stream: () => open(0, content.size),
      async read(start, end) {
        const pieces: Uint8Array[] = [];
        for await (const piece of open(start, Math.min(end, content.size)))
          pieces.push(Uint8Array.from(piece));
        return Buffer.concat(pieces);
      },
    };
  }

  /** The rows that `more` changed, which become durable with it; null: the guard says no. */
  async #write(
    place: BucketPlace,
    stored: StoredObject,
    guard: Guard | null,
    more: readonly Write[],
  ): Promise<readonly number[] | null> {
    for (let attempt = 1; ; attempt += 1) {
      const current = guard === null ? null : await this.head(place);
      if (guard?.(current) === false) return null;
      try {
        return await this.#commit(place, stored, guard === null ? 'any' : (current?.version ?? 'none'), more);
      } catch (thrown) {
        const overtaken = thrown instanceof CordonError && thrown.code === 'CORDON_STORE_CONFLICT';
        if (!overtaken || attempt >= LIMITS.bucketWriteAttemptsMax.value) throw thrown;
      }
    }
  }

  /** `expected`: the version that has to be there. */
  async #commit(
    place: BucketPlace,
    stored: StoredObject,
    expected: 'any' | 'none' | (string & {}),
    more: readonly Write[],
  ): Promise<readonly number[]> {
    const { project, bucket, key } = place;
    const { version, content, uploaded } = stored;
    const { value, object, size } = content;
    const detail = await this.#environment.sealer.seal(
      project,
      bucketDetailPlace(bucket, key, version),
      Buffer.from(JSON.stringify(stored.detail)),
    );
    const columns = { version, value, object, size, detail, uploaded_at: uploaded };
    const insert = this.#db()
      .insertInto('bucket_objects')
      .values({ project, bucket, key, ...columns });
    let write: Write;
    if (expected === 'any')
      write = insert
        .onConflict((conflict) => conflict.columns(['project', 'bucket', 'key']).doUpdateSet(columns))
        .compile();
    else if (expected === 'none') write = insert.compile();
    else
      write = {
        ...this.#db()
          .updateTable('bucket_objects')
          .set(columns)
          .where('project', '=', project)
          .where('bucket', '=', bucket)
          .where('key', '=', key)
          .where('version', '=', expected)
          .compile(),
        changes: 1,
      };
    const [released, , ...changes] = await this.#environment.store.commit([
      this.#contents.release('bucket_objects', { project, bucket, key }),
      write,
      ...more,
    ]);
    if (released !== 0) this.#contents.collect();
    return changes;
  }

  async #objectOf(project: string, bucket: string, row: Row): Promise<StoredObject> {
    const { key, version, value, object } = row;
    const place = bucketDetailPlace(bucket, key, version);
    const bytes = await this.#environment.sealer.open(project, place, row.detail);
    // What was sealed here was written by `#commit`.
    const detail = JSON.parse(Buffer.from(bytes).toString()) as ObjectDetail;
    const content = { value, object, size: Number(row.size) };
    return { key, version, content, detail, uploaded: Number(row.uploaded_at) };
  }

  #db(): ReturnType<typeof queryBuilder> {
    return queryBuilder(this.#environment.store.dialect);
  }
}

/** What new objects have to pass, and where those go that do not. */
export interface InspectedBuckets {
  readonly admission: BucketAdmission;
  readonly rejected: RejectedObjects;
}

export interface PutOptions extends TakeOptions {
  readonly guard: Guard | null;
  readonly detail: () => ObjectDetail;
  /** Default: somebody outside. */
  readonly origin?: ObjectOrigin;
}

const OUTSIDE: ObjectOrigin = { hops: 0, actor: '' };

/** The tighter bound of the two, with its error. */
function boundedBy(bound: BytesBound | null, options: PutOptions): TakeOptions {
  if (bound === null || bound.bytesMax >= options.bytesMax) return options;
  return { ...options, bytesMax: bound.bytesMax, tooLarge: () => bound.tooLarge() };
}

export type BareRow = Pick<Row, 'key' | 'version' | 'size' | 'detail' | 'uploaded_at'>;

function sealedAt({ project, bucket, key }: BucketPlace, version: string): ContentPlace {
  return { project, place: bucketPlace(bucket, key, version) };
}

/** Where the bytes of an object are sealed. */
export function bucketPlace(bucket: string, key: string, version: string): string {
  return placeOf('bucket', bucket, key, version);
}

/** Where the rest of an object is sealed. */
export function bucketDetailPlace(bucket: string, key: string, version: string): string {
  return placeOf('bucket detail', bucket, key, version);
}
