import { createHash } from 'node:crypto';
import type { OpenUpload, StoredPart, TransferChecksum } from '../../capability/index.ts';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { newChecksum } from '../auth/index.ts';
import { writeCondition } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { checksumField } from '../object-fields.ts';
import type { S3Answer, S3Call, S3Services } from '../port.ts';
import { ending, ownBody } from '../reading.ts';
import { collectXml } from '../request-body.ts';
import { guardOf, placeOf, stored, tooLarge } from '../stored-body.ts';
import { allowChildren, readXml, textOf } from '../xml/read-xml.ts';
import type { ReadElement } from '../xml/read-xml.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import { checksumElements } from './checksum-elements.ts';
import { uploadOf } from './upload-parts.ts';

/**
 * CompleteMultipartUpload: reads through the parts into one object, which appears whole or not at all; the
 * parts go when it is there. A crash in between leaves the object and the upload, which can be completed again.
 */
export async function completeUpload(call: S3Call): Promise<S3Answer> {
  const { services, bucket, key, fields } = call;
  const named = readParts(await collectXml(call.body()));
  const condition = writeCondition(fields);
  const upload = await uploadOf(call);
  const parts = chosenParts(await allParts(services, upload), named, services.limits.partBytesMin);
  const size = parts.reduce((bytes, part) => bytes + part.size, 0);
  if (size > LIMITS.bucketObjectBytesMax.value) throw new S3Error('EntityTooLarge');
  const { httpMetadata, customMetadata, checksum } = upload.detail;
  const etag = etagOf(parts);
  const bytes = bytesOf(services, upload, parts);
  const body = ownBody(bytes, checksum?.type === 'full' ? checksum.algorithm : null);
  const put = services.buckets.put(placeOf(call), body, {
    bytesMax: LIMITS.bucketObjectBytesMax.value,
    tooLarge,
    guard: guardOf(condition),
    origin: { hops: 0, actor: call.caller.id },
    detail: () => {
      const transferChecksum = checksumOf(checksum, parts, body.checksum?.value);
      compareChecksum(fields, transferChecksum);
      const known = transferChecksum === null ? {} : { transferChecksum };
      return { etag, checksums: {}, httpMetadata, customMetadata, ...known };
    },
  });
  const object = stored(await ending(bytes, put));
  await services.uploads.remove(upload);
  const result = xmlDocument([
    'CompleteMultipartUploadResult',
    [
      ['Location', `/${bucket}/${key}`],
      ['Bucket', bucket],
      ['Key', key],
      ['ETag', `"${etag}"`],
      ...checksumElements(object.detail.transferChecksum),
    ],
  ]);
  return { status: 200, fields: {}, body: result };
}

interface NamedPart {
  readonly number: number;
  readonly etag: string;
  readonly checksums: readonly ReadElement[];
}

const CHECKSUM_ELEMENTS = [
  'ChecksumCRC32',
  'ChecksumCRC32C',
  'ChecksumCRC64NVME',
  'ChecksumSHA1',
  'ChecksumSHA256',
];

function readParts(bytes: Uint8Array): readonly NamedPart[] {
  const document = readXml(bytes, 'CompleteMultipartUpload');
  allowChildren(document, ['Part']);
  const { length } = document.children;
  if (length === 0 || length > LIMITS.s3PartNumberMax.value)
    throw new S3Error('MalformedXML', { reason: 'the number of parts' });
  return document.children.map((part) => {
    allowChildren(part, ['PartNumber', 'ETag', ...CHECKSUM_ELEMENTS]);
    const number = textOf(part, 'PartNumber')?.trim() ?? '';
    if (!/^\d{1,5}$/.test(number)) throw new S3Error('MalformedXML', { reason: 'PartNumber' });
    const etag = (textOf(part, 'ETag') ?? '').trim().replace(/^"(.*)"$/, '$1');
    const checksums = part.children.filter(({ name }) => CHECKSUM_ELEMENTS.includes(name));
    return { number: Number(number), etag, checksums };
  });
}

async function allParts(
  { uploads }: S3Services,
  upload: OpenUpload,
): Promise<ReadonlyMap<number, StoredPart>> {
  const parts = await uploads.parts(upload, 0, LIMITS.s3PartNumberMax.value);
  return new Map(parts.map((part) => [part.number, part]));
}

/** Errors: InvalidPartOrder, InvalidPart, EntityTooSmall. */
function chosenParts(
  there: ReadonlyMap<number, StoredPart>,
  named: readonly NamedPart[],
  partBytesMin: number,
): readonly StoredPart[] {
  return named.map(({ number, etag, checksums }, at) => {
    if (at > 0 && (named[at - 1]?.number ?? 0) >= number) throw new S3Error('InvalidPartOrder');
    const part = there.get(number);
    if (part === undefined || part.detail.md5 !== etag) throw new S3Error('InvalidPart');
    const { checksum } = part.detail;
    for (const { name, text } of checksums)
      if (checksum === null || name !== `Checksum${checksum.algorithm}` || text.trim() !== checksum.value)
        throw new S3Error('InvalidPart');
    if (at < named.length - 1 && part.size < partBytesMin) throw new S3Error('EntityTooSmall');
    return part;
  });
}

/** The MD5 of the parts' MD5s, with their number, as S3 has it. */
function etagOf(parts: readonly StoredPart[]): string {
  const md5 = createHash('md5');
  for (const { detail } of parts) md5.update(Buffer.from(detail.md5, 'hex'));
  return `${md5.digest('hex')}-${parts.length}`;
}

function checksumOf(
  asked: OpenUpload['detail']['checksum'],
  parts: readonly StoredPart[],
  full: string | undefined,
): TransferChecksum | null {
  if (asked === null) return null;
  if (asked.type === 'full') return full === undefined ? null : { ...asked, value: full };
  const running = newChecksum(asked.algorithm);
  for (const { detail } of parts) running.update(Buffer.from(detail.checksum?.value ?? '', 'base64'));
  return { ...asked, value: `${running.digest().toString('base64')}-${parts.length}` };
}

/** Errors: BadDigest where the client names another checksum of the whole. */
function compareChecksum(fields: ReadonlyMap<string, string>, found: TransferChecksum | null): void {
  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const given = fields.get(checksumField(algorithm));
    if (given !== undefined && (found?.algorithm !== algorithm || found.value !== given))
      throw new S3Error('BadDigest');
  }
}

/** Errors: OperationAborted where a part was replaced or removed meanwhile. */
async function* bytesOf(
  { uploads }: S3Services,
  upload: OpenUpload,
  parts: readonly StoredPart[],
): AsyncGenerator<Uint8Array> {
  try {
    for (const part of parts) yield* uploads.read(upload, part);
  } catch (thrown) {
    const isGone = thrown instanceof CordonError && thrown.code === 'CORDON_OBJECT_MISSING';
    throw isGone ? new S3Error('OperationAborted', { cause: thrown }) : thrown;
  }
}
