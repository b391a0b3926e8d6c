import { createHash, createHmac } from 'node:crypto';
import type { Field } from './arguments.ts';
import { fieldValue, withField, withoutField } from './fields.ts';

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** Fields that proxies and clients change on the way, which no signature may cover. */
const UNSIGNED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'authorization',
  'content-length',
  'expect',
  'user-agent',
  'x-amzn-trace-id',
]);
/** Payload marks of S3 that cover no bytes of the body, so that it can stream. */
const OPEN_PAYLOADS: ReadonlySet<string> = new Set([
  'UNSIGNED-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
]);

export interface AwsSigning {
  readonly method: string;
  readonly url: URL;
  /** Without a signature of the guest: see `withoutAwsSignature`. */
  readonly fields: readonly Field[];
  /** The payload's SHA-256 in hexadecimal, or a mark of S3. */
  readonly payload: string;
  readonly region: string;
  readonly service: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The mark under which the body need not be held, or null when it has to be hashed. Only S3, only with TLS. */
export function openPayload(fields: readonly Field[], service: string, url: URL): string | null {
  const mark = fieldValue(fields, 'x-amz-content-sha256');
  return service === 's3' && url.protocol === 'https:' && mark !== null && OPEN_PAYLOADS.has(mark)
    ? mark
    : null;
}

/** The fields without what a client signed with the key it believes in. */
export function withoutAwsSignature(fields: readonly Field[]): Field[] {
  return ['authorization', 'x-amz-date', 'date', 'x-amz-security-token'].reduce<Field[]>(withoutField, [
    ...fields,
  ]);
}

/** The URL with its path spelled as it is signed, so that a service which signs what it gets agrees as well. */
export function canonicalUrl(url: URL): URL {
  const canonical = new URL(url);
  canonical.pathname = encodedPath(url.pathname);
  return canonical;
}

/**
 * The fields with a Signature Version 4 over the method, path, query, fields and payload.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signAws(signing: AwsSigning): Field[] {
  const { method, url, region, service, payload } = signing;
  const time = new Date(signing.now).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  let fields = withField(signing.fields, 'x-amz-date', time);
  if (signing.sessionToken !== null) fields = withField(fields, 'x-amz-security-token', signing.sessionToken);
  if (service === 's3') fields = withField(fields, 'x-amz-content-sha256', payload);
  const signed = canonicalFields([...fields, ['host', url.host]]);
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    method,
    canonicalPath(url.pathname, service),
    canonicalQuery(url.search),
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    payload,
  ].join('\n');
  const date = time.slice(0, 8);
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = [ALGORITHM, time, scope, sha256(Buffer.from(canonical))].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${signing.secretAccessKey}`,
  );
  const signature = hmac(key, toSign).toString('hex');
  const credential = `Credential=${signing.accessKeyId}/${scope}`;
  return withField(
    fields,
    'authorization',
    `${ALGORITHM} ${credential}, SignedHeaders=${names}, Signature=${signature}`,
  );
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Sorted by name, values of one name joined, spaces collapsed. */
function canonicalFields(fields: readonly Field[]): [string, string][] {
  const values = new Map<string, string[]>();
  for (const [name, value] of fields) {
    if (UNSIGNED.has(name)) continue;
    const all = values.get(name) ?? [];
    all.push(value.trim().replaceAll(/\s+/g, ' '));
    values.set(name, all);
  }
  return [...values]
    .map(([name, all]): [string, string] => [name, all.join(',')])
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
}

/** Every service but S3 encodes the path a second time. */
function canonicalPath(pathname: string, service: string): string {
  const path = encodedPath(pathname);
  return service === 's3' ? path : path.split('/').map(encode).join('/');
}

function encodedPath(pathname: string): string {
  return pathname
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
}

function canonicalQuery(search: string): string {
  if (search.length <= 1) return '';
  return search
    .slice(1)
    .split('&')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [encode(decode(name)), encode(decode(value.join('=')))] as const;
    })
    .toSorted(([name, value], [otherName, otherValue]) =>
      name === otherName ? compare(value, otherValue) : compare(name, otherName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
