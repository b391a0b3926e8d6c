import { CordonError, LIMITS } from '../../contract/index.ts';
import { S3Error } from '../errors.ts';
import { checkKey } from '../object-key.ts';
import type { S3Answer, S3Call } from '../port.ts';
import { collectXml } from '../request-body.ts';
import { allowChildren, readXml, textOf } from '../xml/read-xml.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import type { XmlElement } from '../xml/write-xml.ts';

/** DeleteObject: what is not there is deleted as well. */
export async function deleteObject({ services, caller, bucket, key }: S3Call): Promise<S3Answer> {
  await services.buckets.delete(caller.project, bucket, [key]);
  return { status: 204, fields: {}, body: null };
}

/** DeleteObjects: up to `s3DeleteKeysMax` keys, each judged by itself. The body has to come with a checksum. */
export async function deleteObjects(call: S3Call): Promise<S3Answer> {
  const { services, caller, bucket, fields } = call;
  const body = call.body();
  const bytes = await collectXml(body);
  if (!fields.has('content-md5') && body.checksum === null)
    throw new S3Error('InvalidRequest', { reason: 'DeleteObjects without Content-MD5 or a checksum' });
  const document = readXml(bytes, 'Delete');
  allowChildren(document, ['Object', 'Quiet']);
  const objects = document.children.filter(({ name }) => name === 'Object');
  if (objects.length === 0 || objects.length > LIMITS.s3DeleteKeysMax.value)
    throw new S3Error('MalformedXML', { reason: 'the number of keys' });
  const quiet = textOf(document, 'Quiet')?.trim() === 'true';
  const allowed = new Set<string>();
  const errors: XmlElement[] = [];
  const judge = judgeOf(call);
  for (const object of objects) {
    allowChildren(object, ['Key', 'VersionId']);
    const key = textOf(object, 'Key') ?? '';
    const refusal = refusalOf(judge, key, textOf(object, 'VersionId'));
    if (refusal === null) allowed.add(key);
    else errors.push(errorOf(key, refusal));
  }
  if (allowed.size > 0) await services.buckets.delete(caller.project, bucket, [...allowed]);
  const deleted = quiet ? [] : [...allowed].map((key): XmlElement => ['Deleted', [['Key', key]]]);
  return { status: 200, fields: {}, body: xmlDocument(['DeleteResult', [...deleted, ...errors]]) };
}

/** Refuses keys that the caller may not delete. Of all that are in a request, one is told to the operator. */
function judgeOf(call: S3Call): (key: string) => void {
  let isTold = false;
  return (key) => {
    const use = { operation: 'delete', bucket: call.bucket, key } as const;
    if (call.allows(use)) return;
    if (isTold) throw new S3Error('AccessDenied');
    isTold = true;
    call.demand(use);
  };
}

/** Why a key is not deleted; null when it is. */
function refusalOf(judge: (key: string) => void, key: string, version: string | null): S3Error | null {
  if (version !== null && version !== 'null' && version !== '') return new S3Error('NotImplemented');
  try {
    judge(checkKey(key));
    return null;
  } catch (thrown) {
    if (thrown instanceof S3Error) return thrown;
    throw new CordonError('CORDON_INTERNAL', 'A key could not be judged.', { cause: thrown });
  }
}

function errorOf(key: string, { code, message }: S3Error): XmlElement {
  return [
    'Error',
    [
      ['Key', key],
      ['Code', code],
      ['Message', message],
    ],
  ];
}
