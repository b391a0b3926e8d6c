import { LIMITS } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Tables } from '../../store/index.ts';
import type { Contents } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { bucketDetailPlace, bucketPlace } from './objects.ts';
import type { BucketPlace, ObjectDetail, StoredObject } from './objects.ts';

type Row = Tables['rejected_objects'];

/** An object that was not let into its bucket. */
export interface RejectedObject extends BucketPlace {
  readonly id: string;
  /** Bytes. */
  readonly size: number;
  /** A stable word. */
  readonly reason: string;
  /** What was found, for the operator. */
  readonly note: string;
  /** Who put it there. */
  readonly actor: string;
  readonly detail: ObjectDetail;
  /** Milliseconds since the epoch. */
  readonly rejected: number;
}

/** Why an object is put aside, and whose it was. */
export interface Rejection {
  readonly reason: string;
  readonly note: string;
  readonly actor: string;
}

/**
 * Objects that inspection refused, kept aside for operators, sealed where they would have been. No function and no
 * client can name one. Beyond `rejectedObjectsMax` or `rejectedBytesMax` nothing more is kept; after
 * `rejectedRetentionMs` what is there goes.
 */
export class RejectedObjects {
  readonly #environment: StorageEnvironment;
  readonly #contents: Contents;
  readonly #sweeper: NodeJS.Timeout;

  constructor(environment: StorageEnvironment, contents: Contents) {
    this.#environment = environment;
    this.#contents = contents;
    const sweep = (): void => void this.sweep().catch(() => undefined);
    this.#sweeper = setInterval(sweep, LIMITS.rejectedSweepIntervalMs.value);
    this.#sweeper.unref();
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  /** Puts a new object aside, whose bytes are durable. False: there is no room, and they are the caller’s to drop. */
  async keep(place: BucketPlace, stored: StoredObject, rejection: Rejection): Promise<boolean> {
    const { project, bucket, key } = place;
    const { version, content } = stored;
    if (!(await this.#hasRoom(project, content.size))) return false;
    const { reason, note, actor } = rejection;
    const { store, sealer, clock } = this.#environment;
    const sealedAt = bucketDetailPlace(bucket, key, version);
    const detail = await sealer.seal(
      project,
      sealedAt,
      Buffer.from(JSON.stringify({ ...stored.detail, note })),
    );
    const rejected = clock.now();
    const row = {
      id: idAt(rejected, version),
      project,
      bucket,
      key,
      version,
      ...content,
      detail,
      reason,
      actor,
    };
    await store.commit([
      this.#db()
        .insertInto('rejected_objects')
        .values({ ...row, rejected_at: rejected })
        .compile(),
    ]);
    await this.#contents.keep(content);
    return true;
  }

  /** Newest first; `after` is the id of the last one that was seen, or null. */
  async list(project: string, after: string | null, limit: number): Promise<readonly RejectedObject[]> {
    let query = this.#select(project)
      .orderBy('id', 'desc')
      .limit(Math.min(limit, LIMITS.rejectedListMax.value));
    if (after !== null) query = query.where('id', '<', after);
    const rows = await this.#environment.store.query<Row>(query.compile());
    return Promise.all(rows.map((row) => this.#objectOf(row)));
  }

  async find(project: string, id: string): Promise<RejectedObject | null> {
    const row = await this.#row(project, id);
    return row === null ? null : this.#objectOf(row);
  }

  /** Bytes from `start` up to, not including, `end`, or fewer at its end; null: there is no such object. */
  async read(project: string, id: string, start: number, end: number): Promise<Uint8Array | null> {
    const row = await this.#row(project, id);
    if (row === null) return null;
    const content = { value: row.value, object: row.object, size: Number(row.size) };
    const range = { start: Math.min(start, content.size), end: Math.min(end, content.size) };
    if (range.start >= range.end) return new Uint8Array(0);
    const place = bucketPlace(row.bucket, row.key, row.version);
    const pieces: Uint8Array[] = [];
    for await (const piece of await this.#contents.open({ project, place }, content, range))
      pieces.push(Uint8Array.from(piece));
    return Buffer.concat(pieces);
  }

  /** False: there is no such object. */
  async delete(project: string, id: string): Promise<boolean> {
    return (await this.#remove(project, [id])) === 1;
  }

  /** Removes what is past its retention, as happens by itself. Returns how many. */
  async sweep(): Promise<number> {
    const { store, clock } = this.#environment;
    const before = clock.now() - LIMITS.rejectedRetentionMs.value;
    for (let removed = 0; ;) {
      const rows = await store.query<Pick<Row, 'project' | 'id'>>(
        this.#db()
          .selectFrom('rejected_objects')
          .select(['project', 'id'])
          .where('rejected_at', '<=', before)
          .limit(LIMITS.releasedBatchMax.value)
          .compile(),
      );
      if (rows.length === 0) return removed;
      for (const [project, ids] of Map.groupBy(rows, (row) => row.project))
        removed += await this.#remove(
          project,
          ids.map(({ id }) => id),
        );
    }
  }

  async #remove(project: string, ids: readonly string[]): Promise<number> {
    const [released = 0, removed = 0] = await this.#environment.store.commit([
      this.#contents.release('rejected_objects', { project, id: ids }),
      this.#db()
        .deleteFrom('rejected_objects')
        .where('project', '=', project)
        .where('id', 'in', ids)
        .compile(),
    ]);
    if (released !== 0) this.#contents.collect();
    return removed;
  }

  async #hasRoom(project: string, size: number): Promise<boolean> {
    const [kept] = await this.#environment.store.query<{
      count: number | string;
      bytes: number | string | null;
    }>(
      this.#db()
        .selectFrom('rejected_objects')
        .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number | null>('size').as('bytes')])
        .where('project', '=', project)
        .compile(),
    );
    const count = Number(kept?.count ?? 0);
    const bytes = Number(kept?.bytes ?? 0);
    return count < LIMITS.rejectedObjectsMax.value && bytes + size <= LIMITS.rejectedBytesMax.value;
  }

  async #row(project: string, id: string): Promise<Row | null> {
    const [row] = await this.#environment.store.query<Row>(
      this.#select(project).where('id', '=', id).compile(),
    );
    return row ?? null;
  }

  async #objectOf(row: Row): Promise<RejectedObject> {
    const { id, project, bucket, key, version, reason, actor } = row;
    const bytes = await this.#environment.sealer.open(
      project,
      bucketDetailPlace(bucket, key, version),
      row.detail,
    );
    // What was sealed here was written by `keep`.
    const { note, ...detail } = JSON.parse(Buffer.from(bytes).toString()) as ObjectDetail & {
      readonly note: string;
    };
    const rejected = Number(row.rejected_at);
    return { id, project, bucket, key, size: Number(row.size), reason, note, actor, detail, rejected };
  }

  #select(project: string) {
    return this.#db().selectFrom('rejected_objects').selectAll().where('project', '=', project);
  }

  #db(): ReturnType<typeof queryBuilder> {
    return queryBuilder(this.#environment.store.dialect);
  }
}

const TIME_DIGITS = 12;
const RANDOM_DIGITS = 20;

/** Lower-case hex; later ones are greater. */
function idAt(time: number, version: string): string {
  return time.toString(16).padStart(TIME_DIGITS, '0') + version.slice(0, RANDOM_DIGITS);
}
