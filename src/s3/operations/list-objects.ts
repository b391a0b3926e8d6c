import { listObjects as listing } from '../../capability/index.ts';
import type { StoredObject } from '../../capability/index.ts';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';
import { checkKeyPart } from '../object-key.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import type { XmlElement } from '../xml/write-xml.ts';

/** ListObjectsV2. */
export async function listObjectsV2(call: S3Call): Promise<S3Answer> {
  const { parameters } = call;
  if (parameters.get('list-type') !== '2') throw new S3Error('InvalidArgument', { reason: 'list-type' });
  const token = parameters.get('continuation-token') ?? null;
  const startAfter = checkKeyPart(parameters.get('start-after') ?? '');
  const page = await pageOf(call, { token, after: startAfter });
  const owner = parameters.get('fetch-owner') === 'true' ? call.caller.id : null;
  return answerOf(page, owner, [
    ['KeyCount', page.objects.length + page.prefixes.length],
    ...(token === null ? [] : [['ContinuationToken', token] as const]),
    ...(page.cursor === null ? [] : [['NextContinuationToken', page.cursor] as const]),
    ...(startAfter === '' ? [] : [['StartAfter', page.encode(startAfter)] as const]),
  ]);
}

/** ListObjects, of the first version. */
export async function listObjectsV1(call: S3Call): Promise<S3Answer> {
  const marker = checkKeyPart(call.parameters.get('marker') ?? '');
  const page = await pageOf(call, { token: null, after: marker });
  const last = [page.objects.at(-1)?.key ?? '', page.prefixes.at(-1) ?? ''].reduce((one, other) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)) > 0 ? one : other,
  );
  return answerOf(page, call.caller.id, [
    ['Marker', page.encode(marker)],
    ...(page.cursor === null ? [] : [['NextMarker', page.encode(last)] as const]),
  ]);
}

interface Page {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly isEncoded: boolean;
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  readonly cursor: string | null;
  readonly encode: (text: string) => string;
}

async function pageOf(
  { services, caller, bucket, parameters }: S3Call,
  from: { readonly token: string | null; readonly after: string },
): Promise<Page> {
  const prefix = checkKeyPart(parameters.get('prefix') ?? '');
  const delimiter = checkKeyPart(parameters.get('delimiter') ?? '');
  const isEncoded = isUrlEncoded(parameters);
  const encode = isEncoded ? urlEncoded : (text: string) => text;
  const limit = countOf(parameters.get('max-keys'), 'max-keys');
  const named = { bucket, prefix, delimiter, limit, isEncoded, encode };
  if (limit === 0) return { ...named, objects: [], prefixes: [], cursor: null };
  const { project } = caller;
  try {
    const { rows, delimitedPrefixes, cursor } = await listing(
      { prefix, delimiter, limit, ...positionOf(from, prefix, delimiter) },
      (position, count) => services.buckets.page(project, bucket, { prefix, from: position, limit: count }),
    );
    const objects: StoredObject[] = [];
    for (const row of rows) objects.push(await services.buckets.describe(project, bucket, row));
    return { ...named, objects, prefixes: delimitedPrefixes, cursor };
  } catch (thrown) {
    if (thrown instanceof CordonError && thrown.code === 'CORDON_CURSOR_INVALID')
      throw new S3Error('InvalidArgument', { reason: 'the continuation token', cause: thrown });
    throw thrown;
  }
}

/** After a key; where it is a whole group of keys, after all of the group. */
function positionOf(
  { token, after }: { readonly token: string | null; readonly after: string },
  prefix: string,
  delimiter: string,
): { readonly cursor: string | null; readonly startAfter: string | null } {
  if (token !== null) return { cursor: token, startAfter: null };
  if (after === '') return { cursor: null, startAfter: null };
  const isGroup =
    delimiter !== '' &&
    after.startsWith(prefix) &&
    after.indexOf(delimiter, prefix.length) === after.length - delimiter.length &&
    after.length > prefix.length;
  return isGroup
    ? { cursor: Buffer.from(`p${after}`).toString('base64url'), startAfter: null }
    : { cursor: null, startAfter: after };
}

function answerOf(page: Page, owner: string | null, more: readonly XmlElement[]): S3Answer {
  const { encode } = page;
  const contents = page.objects.map(({ key, uploaded, detail, content }): XmlElement => [
    'Contents',
    [
      ['Key', encode(key)],
      ['LastModified', new Date(uploaded).toISOString()],
      ['ETag', `"${detail.etag}"`],
      ...(detail.transferChecksum === undefined
        ? []
        : [['ChecksumAlgorithm', detail.transferChecksum.algorithm] as const]),
      ['Size', content.size],
      ['StorageClass', 'STANDARD'],
      ...(owner === null ? [] : [['Owner', [['ID', owner]]] as const]),
    ],
  ]);
  const document = xmlDocument([
    'ListBucketResult',
    [
      ['Name', page.bucket],
      ['Prefix', encode(page.prefix)],
      ...(page.delimiter === '' ? [] : [['Delimiter', encode(page.delimiter)] as const]),
      ['MaxKeys', page.limit],
      ...(page.isEncoded ? [['EncodingType', 'url'] as const] : []),
      ['IsTruncated', page.cursor !== null],
      ...more,
      ...contents,
      ...page.prefixes.map((prefix): XmlElement => ['CommonPrefixes', [['Prefix', encode(prefix)]]]),
    ],
  ]);
  return { status: 200, fields: {}, body: document };
}

/** How many an answer may hold: as asked, at most `s3ListMax`. Errors: InvalidArgument. */
export function countOf(text: string | undefined, name: string): number {
  const max = LIMITS.s3ListMax.value;
  if (text === undefined || text === '') return max;
  if (!/^\d{1,10}$/.test(text)) throw new S3Error('InvalidArgument', { reason: name });
  return Math.min(Number(text), max);
}

/** Whether keys are to be percent-encoded in the answer. Errors: InvalidArgument for another encoding. */
export function isUrlEncoded(parameters: ReadonlyMap<string, string>): boolean {
  const encoding = parameters.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw new S3Error('InvalidArgument', { reason: 'encoding-type' });
  return encoding === 'url';
}

export function urlEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll('%2F', '/');
}
