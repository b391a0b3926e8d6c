import { canonicalRequest, sha256, textToSign } from '../../aws/index.ts';
import { REASONS } from '../../identity/index.ts';
import { S3Error } from '../errors.ts';
import { S3_REGIONS } from './credential-scope.ts';
import { planBody } from './plan-body.ts';
import type { SignedRequest, SigningKey, VerifiedRequest, VerifyOptions } from './port.ts';
import {
  SIGNATURE_PARAMETERS,
  checkRegion,
  checkSignature,
  signatureInHeader,
  signatureInQuery,
} from './signature.ts';
import type { ShownSignature } from './signature.ts';
import { readFields, signedFields } from './signed-fields.ts';
import { canonicalQueryWithout, readTarget } from './target.ts';
import type { Target } from './target.ts';
import { verifiedBody } from './verified-body.ts';

const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const PAYLOAD_FIELD = 'x-amz-content-sha256';
const METHOD = /^[A-Z]{1,16}$/;
/** Lower-case names of parameters that belong to a signature, of this version or an older one. */
const SIGNATURE_NAMES: ReadonlySet<string> = new Set([
  ...SIGNATURE_PARAMETERS.map((name) => name.toLowerCase()),
  'awsaccesskeyid',
  'signature',
]);

/**
 * Finds out who signed a request. The signature has to cover the method, the path, all of the query, `host` and
 * every `x-amz-*` field. Errors: an `S3Error`; `claimed` of it is the id of the key that was shown.
 */
export async function verifyRequest<Key extends SigningKey>(
  request: SignedRequest,
  options: VerifyOptions<Key>,
): Promise<VerifiedRequest<Key>> {
  if (!METHOD.test(request.method)) throw new S3Error('MethodNotAllowed');
  const target = readTarget(request.path, request.query);
  const fields = readFields(request.fields);
  const authorization = fields.get('authorization');
  const isPresigned = [...target.parameters.keys()].some((name) => SIGNATURE_NAMES.has(name.toLowerCase()));
  if (authorization === undefined && !isPresigned)
    throw new S3Error('AccessDenied', { reason: REASONS.missing });
  if (authorization !== undefined && isPresigned)
    throw new S3Error('InvalidArgument', { reason: 'there are two signatures' });
  const shown =
    authorization === undefined
      ? signatureInQuery(target.parameters, options.now)
      : signatureInHeader(authorization, fields, options.now);
  return await claiming(shown.credential.keyId, async () => {
    const code = isPresigned ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
    checkRegion(shown.credential, options.regions ?? S3_REGIONS, code);
    const all = isPresigned ? withParameters(fields, target.parameters) : fields;
    if (all.has('x-amz-security-token'))
      throw new S3Error('InvalidRequest', { reason: 'there are no temporary credentials here' });
    const payload = all.get(PAYLOAD_FIELD) ?? (isPresigned ? UNSIGNED_PAYLOAD : null);
    if (payload === null)
      throw new S3Error('InvalidRequest', { reason: `the header field ${PAYLOAD_FIELD} is missing` });
    const text = signedText(request.method, target, fields, shown, payload);
    const accessKey = await knownKey(shown.credential.keyId, options);
    const key = checkSignature(accessKey, shown.credential, text, shown.signature);
    const parameters = new Map(
      isPresigned
        ? [...target.parameters].filter(([name]) => !name.toLowerCase().startsWith('x-amz-'))
        : target.parameters,
    );
    const plan = planBody({
      method: request.method,
      parameters,
      fields: all,
      payload,
      isPresigned,
      shown,
      key,
    });
    return {
      accessKey,
      isPresigned,
      mode: plan.mode,
      path: target.path,
      parameters,
      fields: plan.fields,
      bodyBytes: plan.bytes,
      body: (source) => verifiedBody(plan, source),
    };
  });
}

/** Errors: InvalidAccessKeyId. */
export async function knownKey<Key extends SigningKey>(
  id: string,
  { lookup }: VerifyOptions<Key>,
): Promise<Key> {
  const key = await lookup(id);
  if (key === null) throw new S3Error('InvalidAccessKeyId', { reason: 'there is no such access key' });
  return key;
}

/** Runs `work` and puts the id that was claimed into what it throws. */
export async function claiming<T>(id: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof S3Error ? error.claimedBy(id) : error;
  }
}

function signedText(
  method: string,
  { canonicalPath, parameters }: Target,
  fields: ReadonlyMap<string, string>,
  { time, credential, signedNames }: ShownSignature,
  payload: string,
): string {
  const { text } = canonicalRequest({
    method,
    path: canonicalPath,
    query: canonicalQueryWithout(parameters, 'X-Amz-Signature'),
    fields: signedFields(fields, signedNames),
    payload,
  });
  // Fields are the bytes that arrived, which the client signed as they are.
  return textToSign(time, credential.scope, sha256(Buffer.from(text, 'latin1')));
}

/**
 * The fields, with those among them that a presigned URL carries as parameters. Errors: InvalidArgument for
 * what is said twice; AuthorizationQueryParametersError for a parameter of the signature that is misspelled.
 */
function withParameters(
  fields: ReadonlyMap<string, string>,
  parameters: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const all = new Map(fields);
  for (const [name, value] of parameters) {
    if (SIGNATURE_PARAMETERS.includes(name)) continue;
    const lower = name.toLowerCase();
    if (SIGNATURE_NAMES.has(lower))
      throw new S3Error('AuthorizationQueryParametersError', {
        reason: 'a parameter of the signature is not spelled as it has to be',
      });
    if (!lower.startsWith('x-amz-')) continue;
    if (all.has(lower))
      throw new S3Error('InvalidArgument', { reason: `${lower} is there as a field and as a parameter` });
    all.set(lower, value);
  }
  return all;
}
