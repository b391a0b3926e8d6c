import type { BucketPlace, StoredObject } from '../capability/index.ts';
import { conditionsOf, judgeRead } from './conditions.ts';
import { S3Error } from './errors.ts';
import { checkBucket, checkKey } from './object-key.ts';
import type { S3Call } from './port.ts';
import { stateOf } from './stored-body.ts';

/** The object that a request copies from, which its caller has to be allowed to read. Errors: InvalidArgument, NotImplemented, AccessDenied. */
export function copySource(call: S3Call): BucketPlace {
  const source = call.fields.get('x-amz-copy-source') ?? '';
  if (/[?]/.test(source)) throw new S3Error('NotImplemented', { reason: 'a version of the source' });
  const match = /^\/?([^/]+)\/(.+)$/s.exec(decoded(source));
  if (match === null) throw new S3Error('InvalidArgument', { reason: 'x-amz-copy-source' });
  const [, bucket = '', key = ''] = match;
  const place = { project: call.caller.project, bucket: checkBucket(bucket), key: checkKey(key) };
  call.demand({ operation: 'get', bucket, key });
  return place;
}

/** Errors: PreconditionFailed where a condition on the source does not hold. */
export function judgeSource({ fields }: S3Call, source: StoredObject): void {
  const verdict = judgeRead(conditionsOf(fields, 'x-amz-copy-source-'), stateOf(source));
  if (verdict !== 'go on') throw new S3Error('PreconditionFailed');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error('InvalidArgument', { reason: 'x-amz-copy-source', cause });
  }
}
