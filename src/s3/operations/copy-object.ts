import { writeCondition } from '../conditions.ts';
import { copySource, judgeSource } from '../copy-source.ts';
import { S3Error } from '../errors.ts';
import { metadataOf } from '../object-fields.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { algorithmOf, copiedObject, ending, ownBody } from '../reading.ts';
import { placeOf, storeBody } from '../stored-body.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import { checksumElements } from './checksum-elements.ts';

/** CopyObject: within what the caller may read and write. */
export async function copyObject(call: S3Call): Promise<S3Answer> {
  const { services, fields } = call;
  const directive = fields.get('x-amz-metadata-directive') ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new S3Error('InvalidArgument', { reason: 'x-amz-metadata-directive' });
  const from = copySource(call);
  const to = placeOf(call);
  if (directive === 'COPY' && from.bucket === to.bucket && from.key === to.key)
    throw new S3Error('InvalidRequest', { reason: 'a copy of an object to itself that changes nothing' });
  const condition = writeCondition(fields);
  const asked = algorithmOf(fields.get('x-amz-checksum-algorithm'));
  const replaced = directive === 'REPLACE' ? metadataOf(fields) : null;
  const { object: source, bytes } = await copiedObject(services, from, (found) => {
    judgeSource(call, found);
    return { start: 0, end: found.content.size };
  });
  const { httpMetadata, customMetadata, transferChecksum } = source.detail;
  const body = ownBody(bytes, asked ?? transferChecksum?.algorithm ?? null);
  const storing = {
    metadata: replaced ?? { httpMetadata, customMetadata },
    condition,
    bytes: source.content.size,
    actor: call.caller.id,
  };
  const copied = await ending(
    bytes,
    storeBody(services, to, () => body, storing),
  );
  const { detail, uploaded } = copied;
  const result = xmlDocument([
    'CopyObjectResult',
    [
      ['LastModified', new Date(uploaded).toISOString()],
      ['ETag', `"${detail.etag}"`],
      ...checksumElements(detail.transferChecksum),
    ],
  ]);
  return { status: 200, fields: {}, body: result };
}
