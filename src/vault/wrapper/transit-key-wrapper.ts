import { CordonError, type Secret } from '../../contract/index.ts';
import type { KeyContext, KeyWrapper } from '../port.ts';
import { answerBytes } from './answer.ts';
import { callKeyService, parseServiceAddress, type KeyServiceOptions } from './key-service.ts';

const NAME = /^[A-Za-z0-9_.-]+$/;
const MOUNT = /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/;

export interface TransitKeyOptions extends KeyServiceOptions {
  /** Such as `https://vault.example.com:8200`. */
  readonly address: string;
  /** Of a transit key with associated data: `aes256-gcm96` (the default), `aes128-gcm96` or `chacha20-poly1305`. */
  readonly key: string;
  /** Path of the secrets engine. Default: `transit`. */
  readonly mount?: string;
  readonly namespace?: string;
  /** Asked for each request, so that a renewed token is used. */
  readonly token: () => Secret | Promise<Secret>;
}

/**
 * The transit secrets engine of HashiCorp Vault or OpenBao, 1.13 or later: `encrypt` and `decrypt` with
 * associated data. The token needs `update` on both paths of the key.
 */
export function transitKeyWrapper(options: TransitKeyOptions): KeyWrapper {
  const address = parseServiceAddress(options.address);
  const mount = options.mount ?? 'transit';
  if (!NAME.test(options.key) || !MOUNT.test(mount)) {
    throw new CordonError(
      'CORDON_KEY_INVALID',
      `Cannot use the transit key ${options.key} at ${mount}: fix the name.`,
    );
  }
  const call = async (
    operation: 'encrypt' | 'decrypt',
    body: Readonly<Record<string, string>>,
    context: KeyContext,
  ): Promise<unknown> =>
    callKeyService(
      address.host,
      async () => ({
        url: new URL(`/v1/${mount}/${operation}/${options.key}`, address),
        headers: {
          'content-type': 'application/json',
          'x-vault-token': (await options.token()).reveal(),
          'x-vault-request': 'true',
          ...(options.namespace !== undefined && { 'x-vault-namespace': options.namespace }),
        },
        body: JSON.stringify({ ...body, associated_data: associatedData(context) }),
      }),
      options,
    );
  return {
    id: `transit:${address.host}/${mount}/${options.key}`,
    async wrap(dataKey, context) {
      const plaintext = Buffer.from(dataKey).toString('base64');
      const answer = await call('encrypt', { plaintext }, context);
      return answerBytes(answer, ['data', 'ciphertext'], 'utf8', address.host);
    },
    async unwrap(wrapped, context) {
      const ciphertext = Buffer.from(wrapped).toString();
      const answer = await call('decrypt', { ciphertext }, context);
      return answerBytes(answer, ['data', 'plaintext'], 'base64', address.host);
    },
  };
}

function associatedData({ project, version }: KeyContext): string {
  return Buffer.from(`cordon data key ${version}\n${project}`).toString('base64');
}
