import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '../contract/index.ts';

export const AWS_ALGORITHM = 'AWS4-HMAC-SHA256';

/** A field as `[name, value]`; names in lower case. */
export type SignedField = readonly [name: string, value: string];

/** Where and when a signature is good: its credential scope. */
export interface AwsScope {
  /** `YYYYMMDD`. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** What one signature is over, all of it canonical already but the fields. */
export interface CanonicalRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Those that are signed, `host` included. */
  readonly fields: readonly SignedField[];
  /** The payload's SHA-256 in hexadecimal, or a mark of S3. */
  readonly payload: string;
}

/** The text whose hash is signed, and the names of the fields in it. */
export function canonicalRequest({ method, path, query, fields, payload }: CanonicalRequest): {
  readonly text: string;
  /** Sorted, with `;` between them. */
  readonly names: string;
} {
  const sorted = canonicalFields(fields);
  const names = sorted.map(([name]) => name).join(';');
  const lines = sorted.map(([name, value]) => `${name}:${value}`);
  return { text: [method, path, query, ...lines, '', names, payload].join('\n'), names };
}

export function scopeText({ date, region, service }: AwsScope): string {
  return `${date}/${region}/${service}/aws4_request`;
}

/** `time` as `YYYYMMDD'T'HHMMSS'Z'`, `requestHash` of the canonical request. */
export function textToSign(time: string, scope: AwsScope, requestHash: string): string {
  return [AWS_ALGORITHM, time, scopeText(scope), requestHash].join('\n');
}

/** The key that signs in one scope. */
export function signingKey(secret: Secret, { date, region, service }: AwsScope): Buffer {
  const first = hmac(`AWS4${secret.reveal()}`, date);
  return [region, service, 'aws4_request'].reduce(hmac, first);
}

export function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** In lower-case hexadecimal; of a text in UTF-8. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** `20130524T000000Z`, of milliseconds since the epoch. */
export function awsTime(now: number): string {
  return new Date(now).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}

/** A query in the order and spelling in which it is signed. */
export function canonicalQuery(pairs: Iterable<readonly [name: string, value: string]>): string {
  return [...pairs]
    .map(([name, value]) => [encodeAws(name), encodeAws(value)] as const)
    .toSorted(([name, value], [otherName, otherValue]) =>
      name === otherName ? compare(value, otherValue) : compare(name, otherName),
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** A path, decoded segment by segment, as S3 signs it. */
export function canonicalPathOf(segments: readonly string[]): string {
  return segments.map(encodeAws).join('/');
}

/** Percent-encodes all but unreserved characters (RFC 3986, 2.3). */
function encodeAws(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Sorted by name, values of one name joined, spaces collapsed. Bytes past ASCII are left as they are. */
function canonicalFields(fields: readonly SignedField[]): [string, string][] {
  const values = new Map<string, string[]>();
  for (const [name, value] of fields) {
    const all = values.get(name) ?? [];
    all.push(value.replaceAll(/[\t-\r ]+/g, ' ').replaceAll(/^ | $/g, ''));
    values.set(name, all);
  }
  return [...values]
    .map(([name, all]): [string, string] => [name, all.join(',')])
    .toSorted(([one], [other]) => compare(one, other));
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
