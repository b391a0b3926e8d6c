import { writeCondition } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { checksumFields, metadataOf } from '../object-fields.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { placeOf, storeBody } from '../stored-body.ts';

/** PutObject: stores the body, whole or not at all. */
export async function putObject(call: S3Call): Promise<S3Answer> {
  const { services, fields, bodyBytes } = call;
  if (bodyBytes === null) throw new S3Error('MissingContentLength');
  const { detail } = await storeBody(services, placeOf(call), () => call.body(), {
    metadata: metadataOf(fields),
    condition: writeCondition(fields),
    bytes: bodyBytes,
    actor: call.caller.id,
  });
  return {
    status: 200,
    fields: { etag: `"${detail.etag}"`, ...checksumFields(detail.transferChecksum) },
    body: null,
  };
}
