import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { CordonError } from '../../contract/index.ts';
import { KEY_BYTES, NONCE_BYTES, TAG_BYTES, bufferOf } from '../format.ts';
import type { KeyContext, KeyWrapper } from '../port.ts';

const CIPHER = 'aes-256-gcm';
const FORMAT = 1;
const FINGERPRINT_BYTES = 8;
const BODY = 1 + NONCE_BYTES;

/** Wraps with a master key in memory: `1 | 12 nonce | ciphertext | 16 tag`, AES-256-GCM bound to the context. */
export class LocalKeyWrapper implements KeyWrapper {
  readonly id: string;
  readonly #key: KeyObject;

  /** Takes the 32 bytes of the master key over and erases them. `source` begins the id. */
  constructor(source: string, masterKey: Uint8Array) {
    this.#key = createSecretKey(masterKey);
    masterKey.fill(0);
    const fingerprint = createHmac('sha256', this.#key).update('cordon master key id').digest();
    this.id = `${source}:${fingerprint.toString('hex', 0, FINGERPRINT_BYTES)}`;
  }

  async wrap(dataKey: Uint8Array, context: KeyContext): Promise<Uint8Array> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(context));
    return Buffer.concat([
      Buffer.of(FORMAT),
      nonce,
      cipher.update(dataKey),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  async unwrap(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array> {
    const bytes = bufferOf(wrapped);
    const end = bytes.length - TAG_BYTES;
    if (end < BODY || bytes[0] !== FORMAT) throw refused(this.id, context);
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(1, BODY), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(context));
    decipher.setAuthTag(bytes.subarray(end));
    const dataKey = decipher.update(bytes.subarray(BODY, end));
    try {
      decipher.final();
    } catch (cause) {
      throw refused(this.id, context, cause);
    }
    return dataKey;
  }
}

/** The 32 bytes that a text of base64 stands for. `source` is named in the error: CORDON_KEY_INVALID. */
export function parseMasterKey(text: string, source: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what is no base64, so only a text that it would write itself is one.
  if (bytes.length === KEY_BYTES && bytes.toString('base64') === text) return bytes;
  throw new CordonError(
    'CORDON_KEY_INVALID',
    `Cannot use ${source}: a master key is base64 of ${KEY_BYTES} bytes.`,
  );
}

function associatedData({ project, version }: KeyContext): string {
  return `cordon data key ${version}\n${project}`;
}

function refused(id: string, { project, version }: KeyContext, cause?: unknown): CordonError {
  return new CordonError(
    'CORDON_KEY_REFUSED',
    `Cannot unwrap the data key ${version} of ${project} with ${id}: it was changed or is another's.`,
    { cause },
  );
}
