import type { VerifiedBody, VerifiedForm } from '../auth/index.ts';
import { S3Error } from '../errors.ts';
import { metadataOf } from '../object-fields.ts';
import type { S3Answer, S3Caller, S3Services } from '../port.ts';
import { storeBody } from '../stored-body.ts';
import { xmlDocument } from '../xml/write-xml.ts';

/** Fields of a form that are understood besides `x-amz-meta-*` and `x-ignore-*`. */
export const FORM_FIELDS: readonly string[] = [
  'key',
  'bucket',
  'policy',
  'acl',
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'cache-control',
  'expires',
  'success_action_status',
  'success_action_redirect',
  'x-amz-storage-class',
];

/** Stores the file of a form whose policy was verified, and answers as the form asks. */
export async function postObject(
  services: S3Services,
  bucket: string,
  { accessKey, key, fields, fileBytes }: VerifiedForm<S3Caller>,
  file: AsyncIterable<Uint8Array>,
): Promise<S3Answer> {
  checkFields(fields);
  const redirect = redirectOf(fields.get('success_action_redirect'));
  const place = { project: accessKey.project, bucket, key };
  const { detail } = await storeBody(services, place, () => bounded(file, fileBytes), {
    metadata: metadataOf(new Map([...fields].map(([name, value]) => [name, latin1(value)]))),
    condition: null,
    bytes: null,
    actor: accessKey.id,
  });
  const etag = `"${detail.etag}"`;
  if (redirect !== null) {
    redirect.searchParams.append('bucket', bucket);
    redirect.searchParams.append('key', key);
    redirect.searchParams.append('etag', etag);
    return { status: 303, fields: { etag, location: redirect.href }, body: null };
  }
  const status = fields.get('success_action_status');
  if (status !== '201') return { status: status === '200' ? 200 : 204, fields: { etag }, body: null };
  const body = xmlDocument([
    'PostResponse',
    [
      ['Location', `/${bucket}/${key}`],
      ['Bucket', bucket],
      ['Key', key],
      ['ETag', etag],
    ],
  ]);
  return { status: 201, fields: { etag }, body };
}

function checkFields(fields: ReadonlyMap<string, string>): void {
  for (const [name, value] of fields) {
    const isKnown =
      FORM_FIELDS.includes(name) || name.startsWith('x-amz-meta-') || name.startsWith('x-ignore-');
    const isPlain =
      name === 'acl' ? value === 'private' : name === 'x-amz-storage-class' ? value === 'STANDARD' : true;
    if (!isKnown || !isPlain) throw new S3Error('NotImplemented', { reason: `form field ${name}` });
  }
}

/** Where the browser is sent afterwards; the policy has to name it, as every field. Errors: InvalidArgument. */
function redirectOf(text: string | undefined): URL | null {
  if (text === undefined || text === '') return null;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new S3Error('InvalidArgument', { reason: 'success_action_redirect' });
  return url;
}

/** Errors, at the end of the bytes at the latest: EntityTooSmall, EntityTooLarge. */
function bounded(file: AsyncIterable<Uint8Array>, [least, most]: VerifiedForm['fileBytes']): VerifiedBody {
  return {
    checksum: null,
    async *[Symbol.asyncIterator]() {
      let bytes = 0;
      for await (const chunk of file) {
        bytes += chunk.byteLength;
        if (bytes > most) throw new S3Error('EntityTooLarge');
        yield chunk;
      }
      if (bytes < least) throw new S3Error('EntityTooSmall');
    },
  };
}

/** Text as the bytes of a header field, which is how metadata is read. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}
