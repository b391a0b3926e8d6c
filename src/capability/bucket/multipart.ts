import { CordonError, LIMITS } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Tables } from '../../store/index.ts';
import { newVersion } from '../contents.ts';
import type { Contents, ContentPlace, TakeOptions } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { rangeOfPrefix } from '../keys.ts';
import type { HttpMetadata } from './contract.ts';
import { partDetailPlace, partPlace, uploadDetailPlace } from './multipart-places.ts';
import type { BucketPlace, TransferChecksum } from './objects.ts';

/** What is sealed of an upload: what its object is to have. */
export interface UploadDetail {
  readonly httpMetadata: HttpMetadata;
  readonly customMetadata: Readonly<Record<string, string>>;
  /** Null: none was asked for. */
  readonly checksum: Pick<TransferChecksum, 'algorithm' | 'type'> | null;
}

/** An object that is uploaded in parts, until it is put together. */
export interface OpenUpload extends BucketPlace {
  readonly id: string;
  readonly detail: UploadDetail;
  /** Milliseconds since the epoch. */
  readonly created: number;
}

/** What is sealed beside the bytes of a part. */
export interface PartDetail {
  /** MD5, lower-case hex. */
  readonly md5: string;
  readonly checksum: Omit<TransferChecksum, 'type'> | null;
}

/** A part as it is stored. */
export interface StoredPart {
  readonly number: number;
  readonly version: string;
  readonly size: number;
  readonly detail: PartDetail;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

/** After which upload a list goes on. */
export interface UploadPosition {
  readonly key: string;
  /** Null: after all uploads of the key. */
  readonly upload: string | null;
}

type PartRow = Pick<Tables['multipart_parts'], 'number' | 'version' | 'size' | 'detail' | 'uploaded_at'>;

/**
 * Objects that are uploaded in parts: rows in the store, bytes in streamed objects, all sealed. Nothing of
 * them is an object before they are put together. What nobody finishes is removed after `s3UploadOpenMs`.
 */
export class MultipartUploads {
  readonly #environment: StorageEnvironment;
  readonly #contents: Contents;

  constructor(environment: StorageEnvironment, contents: Contents) {
    this.#environment = environment;
    this.#contents = contents;
  }

  /** Errors: CORDON_OVERLOADED beyond `s3UploadsOpenMax`. */
  async create({ project, bucket, key }: BucketPlace, detail: UploadDetail): Promise<string> {
    const { store, sealer, clock } = this.#environment;
    const [open] = await store.query<{ count: number | string }>(
      this.#db()
        .selectFrom('multipart_uploads')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('project', '=', project)
        .compile(),
    );
    if (Number(open?.count ?? 0) >= LIMITS.s3UploadsOpenMax.value)
      throw new CordonError('CORDON_OVERLOADED', 'Cannot begin a multipart upload: too many are open.');
    const id = newVersion();
    const sealed = await sealer.seal(project, uploadDetailPlace(id), Buffer.from(JSON.stringify(detail)));
    const row = { id, project, bucket, key, detail: sealed, created_at: clock.now() };
    await store.commit([this.#db().insertInto('multipart_uploads').values(row).compile()]);
    return id;
  }

  async find({ project, bucket, key }: BucketPlace, id: string): Promise<OpenUpload | null> {
    const [row] = await this.#environment.store.query<Tables['multipart_uploads']>(
      this.#db()
        .selectFrom('multipart_uploads')
        .selectAll()
        .where('id', '=', id)
        .where('project', '=', project)
        .where('bucket', '=', bucket)
        .where('key', '=', key)
        .compile(),
    );
    if (row === undefined) return null;
    const bytes = await this.#environment.sealer.open(project, uploadDetailPlace(id), row.detail);
    // What was sealed here was written by `create`.
    const detail = JSON.parse(Buffer.from(bytes).toString()) as UploadDetail;
    return { project, bucket, key, id, detail, created: Number(row.created_at) };
  }

  /** Bytes of all parts that an upload has. */
  async sizeOf({ id }: OpenUpload): Promise<number> {
    const [row] = await this.#environment.store.query<{ bytes: number | string | null }>(
      this.#db()
        .selectFrom('multipart_parts')
        .select(({ fn }) => fn.sum<number | null>('size').as('bytes'))
        .where('upload', '=', id)
        .compile(),
    );
    return Number(row?.bytes ?? 0);
  }

  /**
   * Stores a part, whole or not at all; it takes the place of one with its number. Null when the upload was
   * ended meanwhile. `detail` is asked when all bytes have passed and may throw.
   */
  async putPart(
    upload: OpenUpload,
    number: number,
    body: AsyncIterable<Uint8Array>,
    options: TakeOptions & { readonly detail: () => PartDetail },
  ): Promise<StoredPart | null> {
    const version = newVersion();
    const content = await this.#contents.take(sealedAt(upload, version), body, options);
    try {
      const { store, sealer, clock } = this.#environment;
      const { project, id } = upload;
      const detail = options.detail();
      const sealed = await sealer.seal(
        project,
        partDetailPlace(id, version),
        Buffer.from(JSON.stringify(detail)),
      );
      const uploaded = clock.now();
      const columns = { version, ...content, detail: sealed, uploaded_at: uploaded };
      const [, released] = await store.commit([
        // Fails the commit when the upload was ended.
        {
          ...this.#db()
            .updateTable('multipart_uploads')
            .set({ key: upload.key })
            .where('id', '=', id)
            .where('project', '=', project)
            .compile(),
          changes: 1,
        },
        this.#contents.release('multipart_parts', { upload: id, number: String(number) }),
        this.#db()
          .insertInto('multipart_parts')
          .values({ project, upload: id, number, ...columns })
          .onConflict((conflict) => conflict.columns(['upload', 'number']).doUpdateSet(columns))
          .compile(),
      ]);
      await this.#contents.keep(content);
      if (released !== 0) this.#contents.collect();
      return { number, version, size: content.size, detail, uploaded };
    } catch (thrown) {
      await this.#contents.drop(content);
      if (thrown instanceof CordonError && thrown.code === 'CORDON_STORE_CONFLICT') return null;
      throw thrown;
    }
  }

  /** Parts in the order of their numbers, without their bytes. */
  async parts({ id, project }: OpenUpload, after: number, limit: number): Promise<readonly StoredPart[]> {
    const rows = await this.#environment.store.query<PartRow>(
      this.#db()
        .selectFrom('multipart_parts')
        .select(['number', 'version', 'size', 'detail', 'uploaded_at'])
        .where('upload', '=', id)
        .where('number', '>', after)
        .orderBy('number')
        .limit(limit)
        .compile(),
    );
    const parts: StoredPart[] = [];
    for (const { number, version, size, detail: sealed, uploaded_at: uploaded } of rows) {
      const bytes = await this.#environment.sealer.open(project, partDetailPlace(id, version), sealed);
      const detail = JSON.parse(Buffer.from(bytes).toString()) as PartDetail;
      parts.push({ number: Number(number), version, size: Number(size), detail, uploaded: Number(uploaded) });
    }
    return parts;
  }

  /** The bytes of a part. Errors: CORDON_OBJECT_MISSING when it was replaced meanwhile. */
  async *read(upload: OpenUpload, { number, version }: StoredPart): AsyncGenerator<Uint8Array> {
    const [row] = await this.#environment.store.query<
      Pick<Tables['multipart_parts'], 'value' | 'object' | 'size'>
    >(
      this.#db()
        .selectFrom('multipart_parts')
        .select(['value', 'object', 'size'])
        .where('upload', '=', upload.id)
        .where('number', '=', number)
        .where('version', '=', version)
        .compile(),
    );
    if (row === undefined) throw new CordonError('CORDON_OBJECT_MISSING');
    const content = { value: row.value, object: row.object, size: Number(row.size) };
    yield* await this.#contents.open(sealedAt(upload, version), content, { start: 0, end: content.size });
  }

  /** Ends an upload and lets go of its parts. */
  async remove({ id }: Pick<OpenUpload, 'id'>): Promise<void> {
    await this.#remove([id]);
  }

  /** Uploads of keys with a prefix, in the order of their keys. */
  async page(
    project: string,
    bucket: string,
    {
      prefix,
      after,
      limit,
    }: { readonly prefix: string; readonly after: UploadPosition | null; readonly limit: number },
  ): Promise<readonly Pick<OpenUpload, 'id' | 'key' | 'created'>[]> {
    const range = rangeOfPrefix(prefix);
    let query = this.#db()
      .selectFrom('multipart_uploads')
      .select(['id', 'key', 'created_at'])
      .where('project', '=', project)
      .where('bucket', '=', bucket)
      .where('key', '>=', range.from)
      .orderBy('key')
      .orderBy('id')
      .limit(limit);
    if (range.to !== null) query = query.where('key', '<', range.to);
    if (after !== null) {
      const { key, upload } = after;
      query = query.where((where) =>
        where.or([
          where('key', '>', key),
          ...(upload === null ? [] : [where.and([where('key', '=', key), where('id', '>', upload)])]),
        ]),
      );
    }
    const rows = await this.#environment.store.query<{ id: string; key: string; created_at: number }>(
      query.compile(),
    );
    return rows.map(({ id, key, created_at: created }) => ({ id, key, created: Number(created) }));
  }

  /** Removes uploads that are as old as `s3UploadOpenMs` at a time, in ms since the epoch. Returns how many. */
  async sweep(now: number): Promise<number> {
    const before = now - LIMITS.s3UploadOpenMs.value;
    for (let removed = 0; ;) {
      const rows = await this.#environment.store.query<{ id: string }>(
        this.#db()
          .selectFrom('multipart_uploads')
          .select('id')
          .where('created_at', '<=', before)
          .limit(LIMITS.s3UploadSweepBatchMax.value)
          .compile(),
      );
      if (rows.length === 0) return removed;
      await this.#remove(rows.map(({ id }) => id));
      removed += rows.length;
    }
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const [released] = await this.#environment.store.commit([
      this.#contents.release('multipart_parts', { upload: ids }),
      this.#db().deleteFrom('multipart_parts').where('upload', 'in', ids).compile(),
      this.#db().deleteFrom('multipart_uploads').where('id', 'in', ids).compile(),
    ]);
    if (released !== 0) this.#contents.collect();
  }

  #db(): ReturnType<typeof queryBuilder> {
    return queryBuilder(this.#environment.store.dialect);
  }
}

function sealedAt({ project, id }: OpenUpload, version: string): ContentPlace {
  return { project, place: partPlace(id, version) };
}
