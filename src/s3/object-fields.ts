import type { HttpMetadata, StoredObject, TransferChecksum } from '../capability/index.ts';
import { LIMITS } from '../contract/index.ts';
import { S3Error } from './errors.ts';

const META = 'x-amz-meta-';
const DEFAULT_TYPE = 'binary/octet-stream';
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// RFC 9110 section 5.5, without what would not come back as it was.
const FIELD_VALUE = /^[\t\u{20}-\u{7E}\u{80}-\u{10FFFF}]*$/u;

/** What a client says about an object besides its bytes. */
export interface ObjectMetadata {
  readonly httpMetadata: HttpMetadata;
  readonly customMetadata: Readonly<Record<string, string>>;
}

/** Reads it from the fields of a request, or of a form. Errors: MetadataTooLarge, InvalidArgument. */
export function metadataOf(fields: ReadonlyMap<string, string>): ObjectMetadata {
  const said = (name: string): string | undefined => {
    const value = fields.get(name);
    return value === undefined || value === '' ? undefined : textOf(value);
  };
  const httpMetadata = definedOf({
    contentType: said('content-type'),
    contentLanguage: said('content-language'),
    contentDisposition: said('content-disposition'),
    contentEncoding: said('content-encoding'),
    cacheControl: said('cache-control'),
    cacheExpiry: expiryOf(said('expires')),
  });
  const custom: [string, string][] = [];
  for (const [name, value] of fields)
    if (name.startsWith(META) && name !== META) custom.push([name.slice(META.length), textOf(value)]);
  const metadata = { httpMetadata, customMetadata: Object.fromEntries(custom) };
  if (Buffer.byteLength(JSON.stringify(metadata)) > LIMITS.bucketMetadataBytesMax.value)
    throw new S3Error('MetadataTooLarge');
  return metadata;
}

/** The fields that tell of an object. What a function stored and no field can hold is counted and left out. */
export function fieldsOf({ detail, uploaded }: StoredObject): Record<string, string> {
  const { httpMetadata: http, customMetadata } = detail;
  const fields: Record<string, string> = {
    etag: `"${detail.etag}"`,
    'last-modified': new Date(uploaded).toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': valueOf(http.contentType) ?? DEFAULT_TYPE,
  };
  const add = (name: string, value: string | undefined): void => {
    const written = valueOf(value);
    if (written !== null) fields[name] = written;
  };
  add('content-language', http.contentLanguage);
  add('content-disposition', http.contentDisposition);
  add('content-encoding', http.contentEncoding);
  add('cache-control', http.cacheControl);
  if (http.cacheExpiry !== undefined) add('expires', dateOf(http.cacheExpiry));
  let missing = 0;
  for (const [key, value] of Object.entries(customMetadata)) {
    const name = key.toLowerCase();
    const written = valueOf(value);
    if (FIELD_NAME.test(name) && written !== null) fields[`${META}${name}`] = written;
    else missing += 1;
  }
  if (missing > 0) fields['x-amz-missing-meta'] = String(missing);
  return fields;
}

/** The fields of a checksum. */
export function checksumFields(checksum: TransferChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return {
    [checksumField(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksum.type === 'full' ? 'FULL_OBJECT' : 'COMPOSITE',
  };
}

export function checksumField(algorithm: TransferChecksum['algorithm']): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** Fields for which a signed request can ask another value, by their parameters. */
const OVERRIDES = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
] as const;

/** Those that a request asks for. Errors: InvalidArgument for a value that no field can hold. */
export function overridesOf(parameters: ReadonlyMap<string, string>): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const name of OVERRIDES) {
    const value = parameters.get(`response-${name}`);
    if (value === undefined) continue;
    const written = valueOf(value);
    if (written === null) throw new S3Error('InvalidArgument', { reason: `response-${name}` });
    fields[name] = written;
  }
  return fields;
}

/** Bytes of a field as text: UTF-8 where they are that. */
function textOf(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : value;
}

/** A text as the bytes of a field; null where it cannot be one. */
function valueOf(text: string | undefined): string | null {
  if (text === undefined || !FIELD_VALUE.test(text)) return null;
  return Buffer.from(text).toString('latin1');
}

function expiryOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new S3Error('InvalidArgument', { reason: 'Expires is no date' });
  return time;
}

function dateOf(time: number): string | undefined {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? undefined : date.toUTCString();
}

function definedOf<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
