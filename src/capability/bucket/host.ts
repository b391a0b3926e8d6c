import { CordonError, LIMITS } from '../../contract/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../../instance/index.ts';
import { BUCKET_OPERATIONS } from '../../manifest/index.ts';
import type { Contents } from '../contents.ts';
import type { StorageEnvironment } from '../environment.ts';
import { explainTo } from '../explain.ts';
import { decideKeyed, grantOf, resourceNameFor } from '../grant.ts';
import { keyProblem, readArguments, textsOf } from '../keys.ts';
import { recordLoop } from '../loops.ts';
import type { CallerContext, Capability, Decision } from '../port.ts';
import { serveSession } from '../session.ts';
import type { CallSession } from '../session.ts';
import { meets } from './conditional.ts';
import { deleteArguments, getArguments, headArguments, listArguments, putArguments } from './contract.ts';
import type { Conditional, GetAnswer, ListAnswer, ObjectAnswer, RequestedRange } from './contract.ts';
import { Digests } from './digests.ts';
import { listObjects } from './listing.ts';
import { BucketObjects } from './objects.ts';
import type { BucketPlace, Guard, InspectedBuckets, StoredObject } from './objects.ts';

const READ_ATTEMPTS_MAX = 3;

/** Objects by bucket, as R2 has them: streamed, whole or not there, and read back at once. */
export class BucketCapability implements Capability {
  readonly name = 'bucket';
  readonly #environment: StorageEnvironment;
  readonly #objects: BucketObjects;

  constructor(
    environment: StorageEnvironment,
    contents: Contents,
    inspection: InspectedBuckets | null = null,
  ) {
    this.#environment = environment;
    this.#objects = new BucketObjects(environment, contents, inspection);
  }

  /** The same objects, for the host's own doors to them. */
  get objects(): BucketObjects {
    return this.#objects;
  }

  decide({ grants }: CallerContext, { binding, operation, args }: GuestCall): Decision {
    const grant = grantOf(grants.bucket, binding);
    const name = grant?.bucket ?? resourceNameFor(binding);
    const use = {
      kind: 'bucket',
      binding,
      operation,
      field: 'bucket',
      name,
      keys: keysOf(operation, args),
    } as const;
    return decideKeyed(grant, use, BUCKET_OPERATIONS);
  }

  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler {
    const grant = grantOf(context.grants.bucket, call.binding);
    if (grant === null) throw new CordonError('CORDON_INTERNAL', 'A call was served that was not allowed.');
    const { project } = context;
    const { bucket } = grant;
    const explain = explainTo(this.#environment.evidence, context, call);
    return serveSession(reply, explain, async (session) => {
      switch (call.operation) {
        case 'get':
          return this.#get(project, bucket, call.args, session);
        case 'head': {
          const { key } = readArguments(headArguments, 'look at an object', call.args);
          const stored = await this.#objects.head({ project, bucket, key: checkKey(key) });
          return session.answer(stored === null ? null : answerOf(stored));
        }
        case 'put':
          return this.#put(context, bucket, call, session);
        case 'delete': {
          const { keys } = readArguments(deleteArguments, 'delete objects', call.args);
          await this.#objects.delete(project, bucket, keys.map(checkKey));
          return session.answer(null);
        }
        default:
          return session.answer(await this.#list(project, bucket, call.args));
      }
    });
  }

  async #get(project: string, bucket: string, args: unknown, session: CallSession): Promise<void> {
    const { key, range: requested, onlyIf } = readArguments(getArguments, 'get an object', args);
    const place: BucketPlace = { project, bucket, key: checkKey(key) };
    for (let attempt = 1; ; attempt += 1) {
      const stored = await this.#objects.head(place);
      if (stored === null) return session.answer(null);
      const object = answerOf(stored);
      if (onlyIf !== undefined && !meets(onlyIf, stateOf(stored)))
        return session.answer({ object, range: null } satisfies GetAnswer);
      const { start, end } = rangeIn(stored.content.size, requested);
      const answer: GetAnswer = { object, range: { offset: start, length: end - start } };
      const body = await this.#objects.open(place, stored, { start, end }).catch((thrown: unknown) => {
        const replaced = thrown instanceof CordonError && thrown.code === 'CORDON_OBJECT_MISSING';
        if (replaced && attempt < READ_ATTEMPTS_MAX) return null;
        throw thrown;
      });
      if (body !== null) return session.stream(answer, body);
    }
  }

  async #put(context: CallerContext, bucket: string, call: GuestCall, session: CallSession): Promise<void> {
    const { project } = context;
    const parsed = readArguments(putArguments, 'put an object', call.args);
    const place: BucketPlace = { project, bucket, key: checkKey(parsed.key) };
    const { httpMetadata = {}, customMetadata = {}, onlyIf } = parsed;
    checkMetadata({ httpMetadata, customMetadata });
    const guard = onlyIf === undefined ? null : guardOf(onlyIf);
    // Once before the bytes are taken; it decides again when they are there.
    if (guard !== null && !guard(await this.#objects.head(place))) return session.answer(null);
    const digests = new Digests(parsed.checksums ?? {});
    const bytesMax = LIMITS.bucketObjectBytesMax.value;
    const origin = { hops: call.hops + 1, actor: `${context.app}/${context.function}` };
    const putting = this.#objects.put(place, session, {
      guard,
      origin,
      bytesMax,
      tooLarge: () =>
        new CordonError(
          'CORDON_BUCKET_OBJECT_TOO_LARGE',
          `Cannot put an object of more than ${bytesMax} bytes.`,
        ),
      onChunk: (chunk) => digests.update(chunk),
      detail: () => {
        const checksums = digests.verify();
        return { etag: checksums.md5, checksums, httpMetadata, customMetadata };
      },
    });
    const stored = await putting.catch((thrown: unknown) => {
      if (thrown instanceof CordonError && thrown.code === 'CORDON_EVENT_HOPS')
        recordLoop(this.#environment.evidence, context, call, origin.hops);
      throw thrown;
    });
    session.answer(stored === null ? null : answerOf(stored));
  }

  async #list(project: string, bucket: string, args: unknown): Promise<ListAnswer> {
    const parsed = readArguments(listArguments, 'list objects', args);
    const { prefix = '', delimiter = '', cursor = null, startAfter = null, include = [] } = parsed;
    for (const text of [prefix, delimiter, startAfter ?? ''])
      if (!text.isWellFormed() || text.includes('\0'))
        throw new CordonError('CORDON_BUCKET_KEY_INVALID', 'Cannot list: a text is not well-formed.');
    const limit = parsed.limit ?? LIMITS.bucketListMax.value;
    const listing = await listObjects({ prefix, delimiter, cursor, startAfter, limit }, (from, count) =>
      this.#objects.page(project, bucket, { prefix, from, limit: count }),
    );
    const objects: ObjectAnswer[] = [];
    for (const row of listing.rows) {
      const { httpMetadata, customMetadata, ...object } = answerOf(
        await this.#objects.describe(project, bucket, row),
      );
      objects.push({
        ...object,
        ...(include.includes('httpMetadata') && httpMetadata !== undefined ? { httpMetadata } : {}),
        ...(include.includes('customMetadata') && customMetadata !== undefined ? { customMetadata } : {}),
      });
    }
    return { objects, delimitedPrefixes: listing.delimitedPrefixes, cursor: listing.cursor };
  }
}

/** What a call is about, as far as it can be read; for a list the prefix. */
function keysOf(operation: string, args: unknown): readonly string[] {
  if (operation === 'list') return [textsOf(args, 'prefix')[0] ?? ''];
  return textsOf(args, operation === 'delete' ? 'keys' : 'key');
}

function guardOf(condition: Conditional): Guard {
  return (current) => meets(condition, current === null ? null : stateOf(current));
}

function stateOf({ detail, uploaded }: StoredObject): { readonly etag: string; readonly uploaded: number } {
  return { etag: detail.etag, uploaded };
}

function answerOf({ key, version, content, detail, uploaded }: StoredObject): ObjectAnswer {
  const { etag, checksums, httpMetadata, customMetadata } = detail;
  return { key, version, size: content.size, uploaded, etag, checksums, httpMetadata, customMetadata };
}

/** The part of an object that is asked for, cut to its size. Errors: CORDON_BUCKET_RANGE_INVALID. */
function rangeIn(
  size: number,
  requested: RequestedRange | undefined,
): { readonly start: number; readonly end: number } {
  if (requested === undefined) return { start: 0, end: size };
  if ('suffix' in requested) {
    if (requested.suffix === 0) throw outOfRange(size);
    return { start: Math.max(0, size - requested.suffix), end: size };
  }
  const { offset = 0, length } = requested;
  if (length === 0 || (offset >= size && size > 0) || (size === 0 && offset > 0)) throw outOfRange(size);
  return { start: offset, end: length === undefined ? size : Math.min(size, offset + length) };
}

function outOfRange(size: number): CordonError {
  return new CordonError('CORDON_BUCKET_RANGE_INVALID', `The range is not in the object of ${size} bytes.`);
}

function checkKey(key: string): string {
  const problem = keyProblem(key, LIMITS.bucketKeyBytesMax.value);
  if (problem !== null)
    throw new CordonError('CORDON_BUCKET_KEY_INVALID', `Cannot use the key: it ${problem}.`);
  return key;
}

function checkMetadata(metadata: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  const max = LIMITS.bucketMetadataBytesMax.value;
  if (bytes > max)
    throw new CordonError(
      'CORDON_BUCKET_METADATA_TOO_LARGE',
      `The metadata has ${bytes} bytes, at most ${max} are allowed.`,
    );
}
