import assert from 'node:assert/strict';
import { canonicalQuery, canonicalRequest, hmac, sha256, signingKey, textToSign } from '../../aws/index.ts';
import { Secret } from '../../contract/index.ts';
import type { SignedRequest, SigningKey, VerifiedBody, VerifyOptions } from './index.ts';
import { S3Error } from './index.ts';

/** The key of the examples in the documentation of S3. */
export const KEY: SigningKey = {
  id: 'AKIAIOSFODNN7EXAMPLE',
  secret: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
};
/** The time of those examples. */
export const TIME = '20130524T000000Z';
export const NOW = Date.UTC(2013, 4, 24);
export const SCOPE = { date: '20130524', region: 'us-east-1', service: 's3' };
export const EMPTY = sha256('');

export const options: VerifyOptions<SigningKey> = {
  lookup: (id) => Promise.resolve(id === KEY.id ? KEY : null),
  now: NOW,
};

/** A request with a signature in its header, over all of its fields. */
export function signed(request: {
  readonly method?: string;
  readonly path?: string;
  readonly parameters?: readonly (readonly [string, string])[];
  readonly fields?: readonly (readonly [string, string])[];
  readonly payload?: string;
  readonly time?: string;
  readonly region?: string;
  readonly keyId?: string;
}): SignedRequest & { readonly signature: string } {
  const { method = 'PUT', path = '/photos/in/cat.png', parameters = [], payload = EMPTY } = request;
  const time = request.time ?? TIME;
  const scope = { ...SCOPE, date: time.slice(0, 8), region: request.region ?? SCOPE.region };
  const fields = [
    ['host', 's3.cordon.test'],
    ['x-amz-content-sha256', payload],
    ['x-amz-date', time],
    ...(request.fields ?? []),
  ] as const;
  const query = canonicalQuery(parameters);
  const { text, names } = canonicalRequest({ method, path, query, fields, payload });
  const key = signingKey(KEY.secret, scope);
  const signature = hmac(key, textToSign(time, scope, sha256(Buffer.from(text, 'latin1')))).toString('hex');
  const credential = `${request.keyId ?? KEY.id}/${scope.date}/${scope.region}/s3/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${names},Signature=${signature}`;
  return { method, path, query, fields: [...fields.flat(), 'authorization', authorization], signature };
}

/** `bytes` in signed chunks, as a client frames them. */
export function chunked(
  seed: string,
  chunks: readonly Uint8Array[],
  trailer: readonly [name: string, value: string] | null = null,
): Buffer {
  const key = signingKey(KEY.secret, SCOPE);
  const scope = '20130524/us-east-1/s3/aws4_request';
  let previous = seed;
  const sign = (algorithm: string, ...hashes: readonly string[]): string => {
    previous = hmac(key, [algorithm, TIME, scope, previous, ...hashes].join('\n')).toString('hex');
    return previous;
  };
  const framed = [...chunks, Buffer.alloc(0)].map((chunk) => {
    const signature = sign('AWS4-HMAC-SHA256-PAYLOAD', EMPTY, sha256(chunk));
    const head = `${chunk.length.toString(16)};chunk-signature=${signature}\r\n`;
    return Buffer.concat([Buffer.from(head), chunk, Buffer.from(chunk.length === 0 ? '' : '\r\n')]);
  });
  if (trailer !== null) {
    const [name, value] = trailer;
    const signature = sign('AWS4-HMAC-SHA256-TRAILER', sha256(`${name}:${value}\n`));
    framed.push(Buffer.from(`${name}:${value}\r\nx-amz-trailer-signature:${signature}\r\n`));
  }
  return Buffer.concat([...framed, Buffer.from('\r\n')]);
}

/** A body that arrives in pieces of `size` bytes. */
export async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

export async function read(body: VerifiedBody): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of body) all.push(piece);
  return Buffer.concat(all);
}

/** What a promise of a refusal is refused with; `accepted` where it is not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
}

const RANGE = [
  ['range', 'bytes=0-9'],
  ['x-amz-meta-owner', 'ana'],
] as const;

export function request(): SignedRequest {
  return signed({ parameters: [['versionId', 'a b']], fields: RANGE });
}

/** The request with one field set, or taken away. */
export function withField(base: SignedRequest, name: string, value: string | null): SignedRequest {
  const at = base.fields.indexOf(name);
  const set = value === null ? [] : [name, value];
  const fields = at === -1 ? [...base.fields, ...set] : base.fields.toSpliced(at, 2, ...set);
  return { ...base, fields };
}

/** The request with its authorization changed. */
export function withAuthorization(change: (text: string) => string, base = request()): SignedRequest {
  const at = base.fields.indexOf('authorization');
  const before = base.fields[at + 1] ?? '';
  const after = change(before);
  assert.notEqual(after, before);
  return withField(base, 'authorization', after);
}
