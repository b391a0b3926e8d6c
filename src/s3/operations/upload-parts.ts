import { createHash } from 'node:crypto';
import type { OpenUpload, StoredPart, UploadDetail } from '../../capability/index.ts';
import { LIMITS } from '../../contract/index.ts';
import type { ChecksumAlgorithm, VerifiedBody } from '../auth/index.ts';
import { copySource, judgeSource } from '../copy-source.ts';
import { S3Error } from '../errors.ts';
import { checksumField, metadataOf } from '../object-fields.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { copyRangeOf } from '../range.ts';
import { algorithmOf, copiedObject, ending, ownBody } from '../reading.ts';
import { placeOf, tooLarge } from '../stored-body.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import { checksumElements } from './checksum-elements.ts';

/** CreateMultipartUpload. Errors: SlowDown beyond `s3UploadsOpenMax`. */
export async function createUpload(call: S3Call): Promise<S3Answer> {
  const { services, fields, bucket, key } = call;
  const algorithm = algorithmOf(fields.get('x-amz-checksum-algorithm'));
  const checksum = algorithm === null ? null : { algorithm, type: typeOf(fields, algorithm) };
  const id = await services.uploads.create(placeOf(call), { ...metadataOf(fields), checksum });
  return {
    status: 200,
    fields: algorithm === null ? {} : { 'x-amz-checksum-algorithm': algorithm },
    body: xmlDocument([
      'InitiateMultipartUploadResult',
      [
        ['Bucket', bucket],
        ['Key', key],
        ['UploadId', id],
      ],
    ]),
  };
}

/** Which checksums can be of the parts' checksums, and which of the whole (S3, "Checking object integrity"). */
function typeOf(
  fields: ReadonlyMap<string, string>,
  algorithm: ChecksumAlgorithm,
): NonNullable<UploadDetail['checksum']>['type'] {
  const type = fields.get('x-amz-checksum-type') ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE');
  const isSha = algorithm === 'SHA1' || algorithm === 'SHA256';
  if (type === 'COMPOSITE' && algorithm !== 'CRC64NVME') return 'composite';
  if (type === 'FULL_OBJECT' && !isSha) return 'full';
  throw new S3Error('InvalidRequest', { reason: 'a checksum type that does not go with its algorithm' });
}

/** UploadPart: the part takes the place of one with the same number. */
export async function uploadPart(call: S3Call): Promise<S3Answer> {
  const { bodyBytes } = call;
  if (bodyBytes === null) throw new S3Error('MissingContentLength');
  const number = partNumberOf(call);
  const upload = await uploadOf(call);
  const bytesMax = await roomIn(call, upload);
  if (bodyBytes > bytesMax) throw new S3Error('EntityTooLarge');
  const { detail } = await putPart(call, upload, number, call.body(), bytesMax);
  const { checksum } = detail;
  return {
    status: 200,
    fields: {
      etag: `"${detail.md5}"`,
      ...(checksum === null ? {} : { [checksumField(checksum.algorithm)]: checksum.value }),
    },
    body: null,
  };
}

/** UploadPartCopy: a part from an object that the caller may read. */
export async function uploadPartCopy(call: S3Call): Promise<S3Answer> {
  const number = partNumberOf(call);
  const from = copySource(call);
  const upload = await uploadOf(call);
  const bytesMax = await roomIn(call, upload);
  const { bytes } = await copiedObject(call.services, from, (found) => {
    judgeSource(call, found);
    const range = copyRangeOf(call.fields.get('x-amz-copy-source-range'), found.content.size);
    if (range.end - range.start > bytesMax) throw new S3Error('EntityTooLarge');
    return range;
  });
  const put = putPart(call, upload, number, ownBody(bytes, null), bytesMax);
  const { detail, uploaded } = await ending(bytes, put);
  return {
    status: 200,
    fields: {},
    body: xmlDocument([
      'CopyPartResult',
      [
        ['LastModified', new Date(uploaded).toISOString()],
        ['ETag', `"${detail.md5}"`],
        ...checksumElements(detail.checksum),
      ],
    ]),
  };
}

async function putPart(
  { services, fields }: S3Call,
  upload: OpenUpload,
  number: number,
  body: VerifiedBody,
  bytesMax: number,
): Promise<StoredPart> {
  const { checksum } = upload.detail;
  const field = checksum === null ? '' : checksumField(checksum.algorithm);
  // Where the client gives it, it is computed already.
  const isGiven = fields.has(field) || fields.get('x-amz-trailer') === field;
  const computed = checksum === null || isGiven ? null : ownBody(body, checksum.algorithm);
  const md5 = createHash('md5');
  const part = await services.uploads.putPart(upload, number, computed ?? body, {
    bytesMax,
    tooLarge,
    onChunk: (chunk) => md5.update(chunk),
    detail: () => {
      const given = body.checksum;
      if (given !== null && checksum !== null && given.algorithm !== checksum.algorithm)
        throw new S3Error('InvalidRequest', { reason: 'another checksum than the upload was begun with' });
      return { md5: md5.digest('hex'), checksum: computed?.checksum ?? given };
    },
  });
  if (part === null) throw new S3Error('NoSuchUpload');
  return part;
}

/** AbortMultipartUpload. */
export async function abortUpload(call: S3Call): Promise<S3Answer> {
  await call.services.uploads.remove(await uploadOf(call));
  return { status: 204, fields: {}, body: null };
}

/** The upload that a request names. Errors: NoSuchUpload. */
export async function uploadOf(call: S3Call): Promise<OpenUpload> {
  const upload = await call.services.uploads.find(placeOf(call), call.parameters.get('uploadId') ?? '');
  if (upload === null) throw new S3Error('NoSuchUpload');
  return upload;
}

/** Bytes that an upload can still take: it cannot become larger than an object. */
async function roomIn({ services }: S3Call, upload: OpenUpload): Promise<number> {
  return LIMITS.bucketObjectBytesMax.value - (await services.uploads.sizeOf(upload));
}

function partNumberOf({ parameters }: S3Call): number {
  const text = parameters.get('partNumber') ?? '';
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > LIMITS.s3PartNumberMax.value)
    throw new S3Error('InvalidArgument', { reason: 'partNumber' });
  return number;
}
