import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '../contract/index.ts';

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

/** A field as `[name, value]`; names in lower case. */
export type SignedField = readonly [name: string, value: string];

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of temporary credentials. */
  readonly sessionToken?: Secret;
}

export interface AwsSigning {
  readonly method: string;
  /** As `canonicalUrl` spells it where the service signs what it gets. */
  readonly url: URL;
  /** Without `host`, and without an earlier signature. */
  readonly fields: readonly SignedField[];
  /** The payload's SHA-256 in hexadecimal, or a mark of S3. */
  readonly payload: string;
  readonly region: string;
  readonly service: string;
  readonly credentials: AwsCredentials;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The URL with its path spelled as it is signed, so that a service which signs what it gets agrees as well. */
export function canonicalUrl(url: URL): URL {
  const canonical = new URL(url);
  canonical.pathname = encodedPath(url.pathname);
  return canonical;
}

/**
 * The fields with a Signature Version 4 over the method, path, query, fields, host and payload.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signAws(signing: AwsSigning): SignedField[] {
  const { method, url, region, service, payload, credentials } = signing;
  const time = new Date(signing.now).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  let fields = withField(signing.fields, 'x-amz-date', time);
  if (credentials.sessionToken !== undefined)
    fields = withField(fields, 'x-amz-security-token', credentials.sessionToken.reveal());
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
  const toSign = [ALGORITHM, time, scope, sha256(canonical)].join('\n');
  const secret = `AWS4${credentials.secretAccessKey.reveal()}`;
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, secret);
  const signature = hmac(key, toSign).toString('hex');
  const credential = `Credential=${credentials.accessKeyId}/${scope}`;
  const authorization = `${ALGORITHM} ${credential}, SignedHeaders=${names}, Signature=${signature}`;
  return withField(fields, 'authorization', authorization);
}

/** In lower-case hexadecimal; of a text in UTF-8. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function withField(fields: readonly SignedField[], name: string, value: string): SignedField[] {
  return [...fields.filter(([other]) => other !== name), [name, value]];
}

/** Sorted by name, values of one name joined, spaces collapsed. */
function canonicalFields(fields: readonly SignedField[]): [string, string][] {
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
