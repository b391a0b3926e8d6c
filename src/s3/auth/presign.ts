import {
  AWS_ALGORITHM,
  awsTime,
  canonicalPathOf,
  canonicalQuery,
  canonicalRequest,
  hmac,
  sha256,
  signingKey,
  textToSign,
} from '../../aws/index.ts';
import type { SignedField } from '../../aws/index.ts';
import { credentialText } from './credential-scope.ts';
import type { SigningKey } from './port.ts';

const SECOND_MS = 1000;

export interface Presigning {
  /** Base URL of the S3 endpoint; its path is taken for `/`. */
  readonly endpoint: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly bucket: string;
  /** Of the object, not encoded. */
  readonly key: string;
  /** Milliseconds, cut to seconds; 1 s to `s3PresignedMsMax`. */
  readonly expiresMs: number;
  readonly credentials: SigningKey;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Default: `cordon`. */
  readonly region?: string;
  /** Parameters besides those of the signature, such as `response-content-type`. */
  readonly parameters?: readonly (readonly [name: string, value: string])[];
  /** Fields that whoever uses the URL has to send as they are here; `host` is always one. Names in lower case. */
  readonly fields?: readonly SignedField[];
}

/** A URL with which whoever has it can make one request on an object until it expires. */
export function presign(presigning: Presigning): string {
  const { endpoint, method, bucket, key, expiresMs, credentials, now, region = 'cordon' } = presigning;
  const time = awsTime(now);
  const scope = { date: time.slice(0, 8), region, service: 's3' };
  const { origin, host } = new URL(endpoint);
  const fields: SignedField[] = [...(presigning.fields ?? []), ['host', host]];
  const names = fields.map(([name]) => name).toSorted();
  const path = canonicalPathOf(['', bucket, ...key.split('/')]);
  const query = canonicalQuery([
    ...(presigning.parameters ?? []),
    ['X-Amz-Algorithm', AWS_ALGORITHM],
    ['X-Amz-Credential', credentialText({ keyId: credentials.id, scope })],
    ['X-Amz-Date', time],
    ['X-Amz-Expires', String(Math.floor(expiresMs / SECOND_MS))],
    ['X-Amz-SignedHeaders', names.join(';')],
  ]);
  const { text } = canonicalRequest({ method, path, query, fields, payload: 'UNSIGNED-PAYLOAD' });
  const signature = hmac(signingKey(credentials.secret, scope), textToSign(time, scope, sha256(text)));
  return `${origin}${path}?${query}&X-Amz-Signature=${signature.toString('hex')}`;
}
