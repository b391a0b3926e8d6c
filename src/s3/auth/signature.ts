import { timingSafeEqual } from 'node:crypto';
import { AWS_ALGORITHM, hmac, signingKey } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { REASONS } from '../../identity/index.ts';
import { S3Error } from '../errors.ts';
import type { S3ErrorCode } from '../errors.ts';
import { parseAwsTime, parseCredential } from './credential-scope.ts';
import type { Credential } from './credential-scope.ts';
import type { SigningKey } from './port.ts';
import { parseSignedNames } from './signed-fields.ts';

/** A signature that a request shows, and what it says of itself. */
export interface ShownSignature {
  readonly credential: Credential;
  /** `YYYYMMDD'T'HHMMSS'Z'`. */
  readonly time: string;
  readonly signedNames: readonly string[];
  /** Lower-case hexadecimal. */
  readonly signature: string;
}

/** The parameters of a signature in a query, besides those that are fields. */
export const SIGNATURE_PARAMETERS: readonly string[] = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
];
const SIGNATURE = /^[0-9a-f]{64}$/;
const SECONDS = /^[1-9]\d{0,5}$/;
const SECOND_MS = 1000;

/** Where a signature was looked for, and the code of S3 for one that is malformed there. */
type Malformed = Extract<
  S3ErrorCode,
  'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError' | 'InvalidPolicyDocument'
>;

/** Reads `Authorization`, and the time in `x-amz-date`. Errors: RequestTimeTooSkewed and those of a malformed one. */
export function signatureInHeader(
  authorization: string,
  fields: ReadonlyMap<string, string>,
  now: number,
): ShownSignature {
  const code = 'AuthorizationHeaderMalformed';
  const [algorithm, rest] = cut(authorization.trim(), ' ');
  if (algorithm !== AWS_ALGORITHM)
    throw new S3Error('InvalidRequest', { reason: 'the authorization is of another kind' });
  const parts = new Map<string, string>();
  for (const part of rest.split(',', 4)) {
    const [name, value] = cut(part.trim(), '=');
    if (parts.has(name)) throw new S3Error(code, { reason: 'a part of the authorization is there twice' });
    parts.set(name, value);
  }
  if (parts.size !== 3) throw new S3Error(code, { reason: 'the authorization has other parts' });
  const shown = checkedParts(code, {
    credential: parts.get('Credential'),
    time: fields.get('x-amz-date'),
    signedNames: parts.get('SignedHeaders'),
    signature: parts.get('Signature'),
  });
  if (Math.abs(now - timeOf(shown)) > LIMITS.s3ClockSkewMs.value)
    throw new S3Error('RequestTimeTooSkewed', { reason: REASONS.expired });
  return shown;
}

/** Reads the parameters of a presigned URL. Errors: AccessDenied outside of its time, and those of a malformed one. */
export function signatureInQuery(parameters: ReadonlyMap<string, string>, now: number): ShownSignature {
  const code = 'AuthorizationQueryParametersError';
  if (parameters.get('X-Amz-Algorithm') !== AWS_ALGORITHM)
    throw new S3Error(code, { reason: 'the signature is of another kind' });
  const shown = checkedParts(code, {
    credential: parameters.get('X-Amz-Credential'),
    time: parameters.get('X-Amz-Date'),
    signedNames: parameters.get('X-Amz-SignedHeaders'),
    signature: parameters.get('X-Amz-Signature'),
  });
  const expires = parameters.get('X-Amz-Expires') ?? '';
  const lifetimeMs = SECONDS.test(expires) ? Number(expires) * SECOND_MS : Number.POSITIVE_INFINITY;
  if (lifetimeMs > LIMITS.s3PresignedMsMax.value)
    throw new S3Error(code, { reason: 'X-Amz-Expires is out of bounds' });
  checkPeriod(timeOf(shown), lifetimeMs, now);
  return shown;
}

/** Errors: AccessDenied where it is too early or too late for what was signed at `time`. */
export function checkPeriod(time: number, lifetimeMs: number, now: number): void {
  if (time - now > LIMITS.s3ClockSkewMs.value)
    throw new S3Error('AccessDenied', { reason: 'what was signed is not valid yet' });
  if (now > time + lifetimeMs) throw new S3Error('AccessDenied', { reason: REASONS.expired });
}

/** Errors: `code` where a part is missing, malformed, or does not go with the others. */
export function checkedParts(
  code: Malformed,
  parts: {
    readonly credential: string | undefined;
    readonly time: string | undefined;
    readonly signedNames: string | undefined;
    readonly signature: string | undefined;
  },
): ShownSignature {
  const { time = '', signature = '' } = parts;
  const credential = parseCredential(parts.credential ?? '');
  const signedNames = parseSignedNames(parts.signedNames ?? '');
  if (credential === null) throw new S3Error(code, { reason: 'the credential is malformed' });
  if (signedNames === null) throw new S3Error(code, { reason: 'the list of signed fields is malformed' });
  if (parseAwsTime(time) === null) throw new S3Error(code, { reason: 'the time is missing or malformed' });
  if (!time.startsWith(credential.scope.date))
    throw new S3Error(code, { reason: 'the credential is for another day' });
  if (!SIGNATURE.test(signature)) throw new S3Error(code, { reason: 'the signature is malformed' });
  return { credential, time, signedNames, signature };
}

/** Errors: `code` for a region that is not served here. */
export function checkRegion({ scope }: Credential, regions: readonly string[], code: Malformed): void {
  if (!regions.includes(scope.region))
    throw new S3Error(code, { reason: 'the signature is for another region' });
}

/** The key of the scope, when it signed `text`. Errors: SignatureDoesNotMatch. */
export function checkSignature(
  key: SigningKey,
  { scope }: Credential,
  text: string,
  signature: string,
): Buffer {
  const scoped = signingKey(key.secret, scope);
  if (isSameSignature(hmac(scoped, text), signature)) return scoped;
  throw new S3Error('SignatureDoesNotMatch', { reason: 'the signature is wrong' });
}

/** In constant time. `shown`: 64 hexadecimal digits, as all signatures are that were parsed. */
export function isSameSignature(right: Buffer, shown: string): boolean {
  const bytes = Buffer.from(shown, 'hex');
  return bytes.length === right.length && timingSafeEqual(bytes, right);
}

function timeOf({ time }: ShownSignature): number {
  return parseAwsTime(time) ?? Number.NaN;
}

function cut(text: string, at: string): [before: string, after: string] {
  const index = text.indexOf(at);
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + at.length)];
}
