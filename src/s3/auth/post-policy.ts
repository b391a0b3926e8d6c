import { AWS_ALGORITHM, awsTime, hmac, signingKey } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { parseStrictJson } from '../../validation/index.ts';
import { S3Error } from '../errors.ts';
import { credentialText } from './credential-scope.ts';
import type { SigningKey } from './port.ts';

/** `policy` is a list of conditions in a document; nothing in it is deeper. */
const DEPTH_MAX = 3;
const VALUES_PER_CONDITION = 4;
const EXPIRATION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/;
const FIELD = /^\$[^\s$]{1,128}$/;
const BYTES = /^\d{1,15}$/;

/** What a form has to keep. Names of fields are in lower case. */
export type PolicyCondition =
  | { readonly kind: 'eq' | 'starts-with'; readonly field: string; readonly value: string }
  | { readonly kind: 'content-length-range'; readonly least: number; readonly most: number };

export interface PostPolicy {
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly conditions: readonly PolicyCondition[];
}

/**
 * Reads a policy in base64. Errors: InvalidPolicyDocument for what is not strict JSON of the one form.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
export function parsePostPolicy(base64: string): PostPolicy {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length > LIMITS.s3PolicyBytesMax.value) throw invalid('it is too large');
  if (bytes.toString('base64') !== base64) throw invalid('it is not in base64');
  const conditionsMax = LIMITS.s3PolicyConditionsMax.value;
  const valuesMax = (conditionsMax + 1) * VALUES_PER_CONDITION;
  const parsed = parseStrictJson(bytes, { depthMax: DEPTH_MAX, valuesMax });
  if (!parsed.ok) throw invalid('it is not strict JSON');
  if (!isObject(parsed.value)) throw invalid('it is no object');
  const { expiration, conditions, ...rest } = parsed.value;
  if (Object.keys(rest).length > 0) throw invalid('it says something that is not known');
  if (typeof expiration !== 'string' || !EXPIRATION.test(expiration))
    throw invalid('its expiration is no time');
  const expiresAt = Date.parse(expiration);
  if (Number.isNaN(expiresAt)) throw invalid('its expiration is no time');
  if (!Array.isArray(conditions) || conditions.length > conditionsMax)
    throw invalid('its conditions are no list, or too many');
  return { expiresAt, conditions: conditions.map(conditionOf) };
}

/** A field of a form. */
export type PostPolicyField = readonly [name: string, value: string];

export interface PostPolicySigning {
  readonly bucket: string;
  /** The key; with `isPrefix` what it starts with, and the name of the file follows. */
  readonly key: string;
  readonly isPrefix: boolean;
  /** Null: the form gives none. With `*` at the end, what it starts with. */
  readonly contentType: string | null;
  readonly fileBytesMax: number;
  /** Where the browser goes after an upload, http or https; null: it stays. */
  readonly redirect: string | null;
  /** At most `s3PresignedMsMax`. */
  readonly expiresMs: number;
  readonly credentials: SigningKey;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Default: `cordon`. */
  readonly region?: string;
}

/** The fields of a form with which whoever has them can upload one file after another until it expires. */
export function signPostPolicy(signing: PostPolicySigning): PostPolicyField[] {
  const {
    bucket,
    key,
    isPrefix,
    contentType,
    fileBytesMax,
    redirect,
    credentials,
    now,
    region = 'cordon',
  } = signing;
  const time = awsTime(now);
  const scope = { date: time.slice(0, 8), region, service: 's3' };
  const fields: PostPolicyField[] = [
    ['x-amz-algorithm', AWS_ALGORITHM],
    ['x-amz-credential', credentialText({ keyId: credentials.id, scope })],
    ['x-amz-date', time],
    ...(redirect === null ? [] : [['success_action_redirect', redirect] as const]),
  ];
  const conditions: unknown[] = [
    ['eq', '$bucket', bucket],
    [isPrefix ? 'starts-with' : 'eq', '$key', key],
    ['content-length-range', 0, fileBytesMax],
    ...fields.map(([name, value]) => ['eq', `$${name}`, value]),
  ];
  const isAnyOf = contentType?.endsWith('*') ?? false;
  if (contentType !== null)
    conditions.push(
      isAnyOf
        ? ['starts-with', '$content-type', contentType.slice(0, -1)]
        : ['eq', '$content-type', contentType],
    );
  const expiration = new Date(now + signing.expiresMs).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const signature = hmac(signingKey(credentials.secret, scope), policy).toString('hex');
  return [
    ['key', isPrefix ? `${key}\${filename}` : key],
    ...(contentType === null || isAnyOf ? [] : [['content-type', contentType] as const]),
    ...fields,
    ['policy', policy],
    ['x-amz-signature', signature],
  ];
}

function conditionOf(value: unknown): PolicyCondition {
  if (isObject(value)) {
    const [entry, ...more] = Object.entries(value);
    if (entry === undefined || more.length > 0 || typeof entry[1] !== 'string')
      throw invalid('a condition that is an object has to name one field');
    return { kind: 'eq', field: entry[0].toLowerCase(), value: entry[1] };
  }
  if (!Array.isArray(value) || value.length !== 3)
    throw invalid('a condition is neither an object nor a list of three');
  const [kind, first, second] = value as unknown[];
  if (kind === 'content-length-range') {
    const [least, most] = [bytesOf(first), bytesOf(second)];
    if (least > most) throw invalid('a range of lengths is empty');
    return { kind, least, most };
  }
  if (kind !== 'eq' && kind !== 'starts-with') throw invalid('a condition is of a kind that is not known');
  if (typeof first !== 'string' || !FIELD.test(first) || typeof second !== 'string')
    throw invalid('a condition does not name a field and a value');
  return { kind, field: first.slice(1).toLowerCase(), value: second };
}

function bytesOf(value: unknown): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !BYTES.test(text)) throw invalid('a length is no number');
  return Number(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(reason: string): S3Error {
  return new S3Error('InvalidPolicyDocument', { reason: `the policy cannot be read: ${reason}` });
}
