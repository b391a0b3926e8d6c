import { sha256, signAws, type AwsCredentials, type SignedField } from '../../aws/index.ts';
import { CordonError, systemClock, type Clock } from '../../contract/index.ts';
import type { KeyContext, KeyWrapper } from '../port.ts';
import { answerBytes, field } from './answer.ts';
import { callKeyService, parseServiceAddress, type KeyServiceOptions } from './key-service.ts';

const REGION = /^[a-z0-9-]+$/;
/** Refusals of KMS that pass. https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html */
const PASSING = /Throttling|LimitExceeded|KMSInternal|DependencyTimeout|KeyUnavailable|ServiceUnavailable/;

export interface AwsKeyOptions extends KeyServiceOptions {
  /** Id, ARN or alias of a symmetric key. */
  readonly keyId: string;
  readonly region: string;
  /** Default: the public endpoint of the region. */
  readonly endpoint?: string;
  /** Asked for each request, so that renewed credentials are used. */
  readonly credentials: () => AwsCredentials | Promise<AwsCredentials>;
  readonly clock?: Clock;
}

/**
 * AWS KMS by its JSON API: `Encrypt` and `Decrypt` with an encryption context of project and version. The
 * credentials need `kms:Encrypt` and `kms:Decrypt` on the key.
 */
export function awsKeyWrapper(options: AwsKeyOptions): KeyWrapper {
  const { keyId, region } = options;
  if (!REGION.test(region) || keyId === '') {
    throw new CordonError('CORDON_KEY_INVALID', `Cannot use the KMS key ${keyId} in the region ${region}.`);
  }
  const url = parseServiceAddress(options.endpoint ?? `https://kms.${region}.amazonaws.com/`);
  // All that JSON services of AWS know is the path `/` without a query.
  const root = new URL('/', url);
  const clock = options.clock ?? systemClock;
  const call = (
    operation: 'Encrypt' | 'Decrypt',
    input: Readonly<Record<string, string>>,
    { project, version }: KeyContext,
  ): Promise<unknown> => {
    const context = { 'cordon:project': project, 'cordon:version': String(version) };
    const body = JSON.stringify({ ...input, KeyId: keyId, EncryptionContext: context });
    const fields: SignedField[] = [
      ['content-type', 'application/x-amz-json-1.1'],
      ['x-amz-target', `TrentService.${operation}`],
    ];
    const sign = async () => {
      const signed = signAws({
        method: 'POST',
        url: root,
        fields,
        payload: sha256(body),
        region,
        service: 'kms',
        credentials: await options.credentials(),
        now: clock.now(),
      });
      return { url: root, headers: Object.fromEntries(signed), body };
    };
    return callKeyService(url.host, sign, { ...options, isThrottled });
  };
  return {
    id: `aws-kms:${region}/${keyId}`,
    async wrap(dataKey, context) {
      const answer = await call('Encrypt', { Plaintext: Buffer.from(dataKey).toString('base64') }, context);
      return answerBytes(answer, ['CiphertextBlob'], 'base64', url.host);
    },
    async unwrap(wrapped, context) {
      const input = { CiphertextBlob: Buffer.from(wrapped).toString('base64') };
      return answerBytes(await call('Decrypt', input, context), ['Plaintext'], 'base64', url.host);
    },
  };
}

function isThrottled(body: string): boolean {
  try {
    const type = field(JSON.parse(body), ['__type']);
    return typeof type === 'string' && PASSING.test(type);
  } catch {
    return false;
  }
}
