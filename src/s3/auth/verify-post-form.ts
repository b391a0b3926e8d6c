import { AWS_ALGORITHM } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { REASONS } from '../../identity/index.ts';
import { S3Error } from '../errors.ts';
import { S3_REGIONS, parseAwsTime } from './credential-scope.ts';
import type { PostForm, SigningKey, VerifiedForm, VerifyOptions } from './port.ts';
import { parsePostPolicy } from './post-policy.ts';
import type { PolicyCondition } from './post-policy.ts';
import { checkPeriod, checkRegion, checkSignature, checkedParts } from './signature.ts';
import { claiming, knownKey } from './verify-request.ts';

const FILENAME = '${filename}';
/** Fields that no condition has to cover. */
const UNCOVERED: ReadonlySet<string> = new Set(['x-amz-signature', 'policy']);
const IGNORED = 'x-ignore-';
/** Fields of the signature, which nothing needs once it is checked. */
const OF_SIGNATURE: ReadonlySet<string> = new Set([
  'x-amz-signature',
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'policy',
]);

/**
 * Finds out who signed the policy of a form, and whether the form keeps it: each field of it has to be covered by a
 * condition, and each condition has to hold, of the key as it is when the file's name is in it.
 * Errors: an `S3Error`; AccessDenied where the policy is not kept or has expired.
 */
export async function verifyPostForm<Key extends SigningKey>(
  form: PostForm,
  options: VerifyOptions<Key>,
): Promise<VerifiedForm<Key>> {
  const fields = readFormFields(form);
  const base64 = fields.get('policy');
  if (base64 === undefined) throw new S3Error('AccessDenied', { reason: REASONS.missing });
  if (fields.get('x-amz-algorithm') !== AWS_ALGORITHM)
    throw new S3Error('InvalidPolicyDocument', { reason: 'the signature is of another kind' });
  const { credential, time, signature } = checkedParts('InvalidPolicyDocument', {
    credential: fields.get('x-amz-credential'),
    time: fields.get('x-amz-date'),
    signedNames: 'policy',
    signature: fields.get('x-amz-signature'),
  });
  return await claiming(credential.keyId, async () => {
    checkRegion(credential, options.regions ?? S3_REGIONS, 'InvalidPolicyDocument');
    const accessKey = await knownKey(credential.keyId, options);
    // The signature first: nobody else's policy is worth reading.
    checkSignature(accessKey, credential, base64, signature);
    const { expiresAt, conditions } = parsePostPolicy(base64);
    const signedAt = parseAwsTime(time) ?? Number.NaN;
    if (!(expiresAt - signedAt <= LIMITS.s3PresignedMsMax.value))
      throw new S3Error('InvalidPolicyDocument', { reason: 'the policy would hold for too long' });
    checkPeriod(signedAt, expiresAt - signedAt, options.now);
    checkCovered(fields, conditions);
    for (const condition of conditions) checkCondition(condition, fields);
    const rest = [...fields].filter(([name]) => !OF_SIGNATURE.has(name) && !name.startsWith(IGNORED));
    return {
      accessKey,
      key: fields.get('key') ?? '',
      fields: new Map(rest),
      fileBytes: fileBytesOf(conditions),
    };
  });
}

/** By lower-case name, the bucket among them. Errors: MalformedPOSTRequest. */
function readFormFields({ bucket, fields, filename }: PostForm): Map<string, string> {
  if (fields.length > LIMITS.s3FormFieldsMax.value) throw malformed('there are too many fields');
  const byName = new Map<string, string>();
  for (const [name, value] of fields) {
    const lower = name.toLowerCase();
    if (byName.has(lower)) throw malformed('a field is there twice');
    if (lower === 'file') throw malformed('the file is among the fields');
    byName.set(lower, value);
  }
  const key = byName.get('key');
  if (key === undefined || key === '') throw malformed('there is no key');
  if (key.includes(FILENAME)) {
    const last = filename?.split(/[/\\]/).at(-1) ?? '';
    if (last === '') throw malformed('the key asks for the name of the file, which has none');
    byName.set(
      'key',
      key.replaceAll(FILENAME, () => last),
    );
  }
  if ((byName.get('bucket') ?? bucket) !== bucket) throw malformed('the form is for another bucket');
  byName.set('bucket', bucket);
  return byName;
}

function checkCovered(fields: ReadonlyMap<string, string>, conditions: readonly PolicyCondition[]): void {
  const covered = new Set(
    conditions.flatMap((condition) => (condition.kind === 'content-length-range' ? [] : [condition.field])),
  );
  for (const name of fields.keys())
    if (!covered.has(name) && !UNCOVERED.has(name) && !name.startsWith(IGNORED))
      throw new S3Error('AccessDenied', { reason: `the policy does not speak of the field ${name}` });
}

function checkCondition(condition: PolicyCondition, fields: ReadonlyMap<string, string>): void {
  if (condition.kind === 'content-length-range') return;
  const { kind, field, value } = condition;
  const actual = fields.get(field);
  const isKept =
    actual !== undefined &&
    (kind === 'eq' ? actual === value : partsOf(field, actual).every((part) => part.startsWith(value)));
  if (!isKept) throw new S3Error('AccessDenied', { reason: `the form does not keep the policy on ${field}` });
}

/** A list of content types has to keep a condition with all of them. */
function partsOf(field: string, value: string): string[] {
  return field === 'content-type' ? value.split(',').map((part) => part.trim()) : [value];
}

function fileBytesOf(conditions: readonly PolicyCondition[]): readonly [number, number] {
  let [least, most]: readonly [number, number] = [0, LIMITS.bucketObjectBytesMax.value];
  for (const condition of conditions) {
    if (condition.kind !== 'content-length-range') continue;
    least = Math.max(least, condition.least);
    most = Math.min(most, condition.most);
  }
  return [least, most];
}

function malformed(reason: string): S3Error {
  return new S3Error('MalformedPOSTRequest', { reason });
}
