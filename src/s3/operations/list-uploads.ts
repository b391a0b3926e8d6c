import { S3Error } from '../errors.ts';
import { checkKeyPart } from '../object-key.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import type { XmlElement } from '../xml/write-xml.ts';
import { checksumElements } from './checksum-elements.ts';
import { countOf, isUrlEncoded, urlEncoded } from './list-objects.ts';
import { uploadOf } from './upload-parts.ts';

/** ListParts, in the order of their numbers. */
export async function listParts(call: S3Call): Promise<S3Answer> {
  const { services, bucket, key, parameters, caller } = call;
  const upload = await uploadOf(call);
  const encode = isUrlEncoded(parameters) ? urlEncoded : (text: string) => text;
  const limit = countOf(parameters.get('max-parts'), 'max-parts');
  const marker = parameters.get('part-number-marker') ?? '0';
  if (!/^\d{1,10}$/.test(marker)) throw new S3Error('InvalidArgument', { reason: 'part-number-marker' });
  const found = await services.uploads.parts(upload, Number(marker), limit + 1);
  const parts = found.slice(0, limit);
  const isTruncated = limit > 0 && found.length > limit;
  const body = xmlDocument([
    'ListPartsResult',
    [
      ['Bucket', bucket],
      ['Key', encode(key)],
      ['UploadId', upload.id],
      ['Initiator', [['ID', caller.id]]],
      ['Owner', [['ID', caller.id]]],
      ['StorageClass', 'STANDARD'],
      ['PartNumberMarker', Number(marker)],
      ...(isTruncated ? [['NextPartNumberMarker', parts.at(-1)?.number ?? Number(marker)] as const] : []),
      ['MaxParts', limit],
      ['IsTruncated', isTruncated],
      ...parts.map(({ number, size, detail, uploaded }): XmlElement => [
        'Part',
        [
          ['PartNumber', number],
          ['LastModified', new Date(uploaded).toISOString()],
          ['ETag', `"${detail.md5}"`],
          ['Size', size],
          ...checksumElements(detail.checksum),
        ],
      ]),
    ],
  ]);
  return { status: 200, fields: {}, body };
}

/** ListMultipartUploads, in the order of their keys. */
export async function listUploads(call: S3Call): Promise<S3Answer> {
  const { services, caller, bucket, parameters } = call;
  const prefix = checkKeyPart(parameters.get('prefix') ?? '');
  const keyMarker = checkKeyPart(parameters.get('key-marker') ?? '');
  const uploadMarker = parameters.get('upload-id-marker') ?? '';
  const isEncoded = isUrlEncoded(parameters);
  const encode = isEncoded ? urlEncoded : (text: string) => text;
  const limit = countOf(parameters.get('max-uploads'), 'max-uploads');
  const after =
    keyMarker === '' ? null : { key: keyMarker, upload: uploadMarker === '' ? null : uploadMarker };
  const page = { prefix, after, limit: limit + 1 };
  const found = await services.uploads.page(caller.project, bucket, page);
  const uploads = found.slice(0, limit);
  const isTruncated = limit > 0 && found.length > limit;
  const last = uploads.at(-1);
  const body = xmlDocument([
    'ListMultipartUploadsResult',
    [
      ['Bucket', bucket],
      ['KeyMarker', encode(keyMarker)],
      ['UploadIdMarker', uploadMarker],
      ...(isTruncated && last !== undefined
        ? [['NextKeyMarker', encode(last.key)] as const, ['NextUploadIdMarker', last.id] as const]
        : []),
      ['Prefix', encode(prefix)],
      ...(isEncoded ? [['EncodingType', 'url'] as const] : []),
      ['MaxUploads', limit],
      ['IsTruncated', isTruncated],
      ...uploads.map(({ id, key, created }): XmlElement => [
        'Upload',
        [
          ['Key', encode(key)],
          ['UploadId', id],
          ['Initiator', [['ID', caller.id]]],
          ['Owner', [['ID', caller.id]]],
          ['StorageClass', 'STANDARD'],
          ['Initiated', new Date(created).toISOString()],
        ],
      ]),
    ],
  ]);
  return { status: 200, fields: {}, body };
}
