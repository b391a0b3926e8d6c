import { conditionsOf, judgeRead, servesRange } from '../conditions.ts';
import { S3Error } from '../errors.ts';
import { checksumFields, fieldsOf, overridesOf } from '../object-fields.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { rangeOf } from '../range.ts';
import type { ByteRange } from '../range.ts';
import { openObject } from '../reading.ts';
import { placeOf, stateOf } from '../stored-body.ts';

/** GetObject and HeadObject: an object, a part of it, or that it did not change. */
export async function readObject(call: S3Call, withBody: boolean): Promise<S3Answer> {
  const { services, fields, parameters } = call;
  const overrides = overridesOf(parameters);
  let verdict: ReturnType<typeof judgeRead> = 'go on';
  let range: ByteRange | null = null;
  const { object, bytes } = await openObject(services, placeOf(call), (found) => {
    verdict = judgeRead(conditionsOf(fields), stateOf(found));
    if (verdict === 'failed') throw new S3Error('PreconditionFailed');
    if (verdict === 'not modified') return null;
    const { size } = found.content;
    const isServed = servesRange(fields.get('if-range'), stateOf(found));
    range = isServed ? rangeOf(fields.get('range'), size) : null;
    return withBody ? (range ?? { start: 0, end: size }) : null;
  });
  const described = { ...fieldsOf(object), ...overrides };
  // Assigned inside of the callback, which control flow does not see.
  if ((verdict as string) === 'not modified') return { status: 304, fields: described, body: null };
  const part = range as ByteRange | null;
  const { size } = object.content;
  // A checksum is of the whole: clients would hold a part against it.
  const wantsChecksum = fields.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED' && part === null;
  return {
    status: part === null ? 200 : 206,
    fields: {
      ...described,
      ...(wantsChecksum ? checksumFields(object.detail.transferChecksum) : {}),
      'content-length': part === null ? size : part.end - part.start,
      ...(part === null ? {} : { 'content-range': `bytes ${part.start}-${part.end - 1}/${size}` }),
    },
    body: bytes,
  };
}
