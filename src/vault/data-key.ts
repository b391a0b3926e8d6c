import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import { CordonError, LIMITS } from '../contract/index.ts';
import {
  KEY_BYTES,
  NONCE_BYTES,
  STREAM_FORMAT,
  TAG_BYTES,
  VALUE_FORMAT,
  VALUE_HEADER_BYTES,
  VALUE_OVERHEAD_BYTES,
  VALUE_SALT_BYTES,
  associatedData,
  broken,
  readValueHeader,
  writeHeader,
} from './format.ts';
import type { KeyContext } from './port.ts';
import { StreamCipher } from './stream-cipher.ts';

export const CIPHER = 'aes-256-gcm';
const VALUE_INFO = 'cordon vault value 1';
const STREAM_INFO = 'cordon vault stream 1';
const NAME_INFO = 'cordon vault name 1';
const NO_SALT = Buffer.alloc(0);
/** Bytes sealed under one derived key, as 2^42 blocks: far below the bound of GCM. */
const BYTES_PER_KEY_MAX = 2 ** 46;

/** A key that is derived for the values of one process: its nonces are random and counted. */
interface Epoch {
  readonly salt: Buffer;
  readonly key: KeyObject;
  seals: number;
  bytes: number;
}

/** Fills with random bytes; tests give their own. */
export type FillRandom = (target: Buffer) => void;

export interface DataKeyOptions {
  readonly fillRandom?: FillRandom;
  readonly sealsPerKeyMax?: number;
}

/**
 * A data key of a project, unwrapped. It encrypts nothing itself: keys for values, streams and names are
 * derived from it (HKDF-SHA256, RFC 5869).
 */
export class DataKey {
  readonly context: KeyContext;
  readonly #fillRandom: FillRandom;
  readonly #sealsPerKeyMax: number;
  readonly #derived = new Map<string, KeyObject>();
  #key: KeyObject | null;
  #nameKey: KeyObject | null = null;
  #epoch: Epoch | null = null;

  /** Takes `bytes` over and erases them. */
  constructor(context: KeyContext, bytes: Uint8Array, options: DataKeyOptions = {}) {
    if (bytes.byteLength !== KEY_BYTES) {
      throw new CordonError(
        'CORDON_KEY_REFUSED',
        `A data key has ${bytes.byteLength} bytes, not ${KEY_BYTES}.`,
      );
    }
    this.context = context;
    this.#key = createSecretKey(bytes);
    bytes.fill(0);
    this.#fillRandom = options.fillRandom ?? fillRandom;
    this.#sealsPerKeyMax = options.sealsPerKeyMax ?? LIMITS.sealsPerKeyMax.value;
  }

  seal(place: string, plaintext: Uint8Array): Buffer {
    const { project, version } = this.context;
    if (plaintext.byteLength > LIMITS.sealedValueBytesMax.value) {
      throw new CordonError(
        'CORDON_SEAL_TOO_LARGE',
        `Cannot seal ${plaintext.byteLength} bytes as one value, at most ${LIMITS.sealedValueBytesMax.value}.`,
      );
    }
    const associated = associatedData(VALUE_FORMAT, project, place);
    const epoch = this.#epochFor(plaintext.byteLength);
    // Not from the pool of small buffers: what is sent to another thread would take its neighbours along.
    const sealed = Buffer.allocUnsafeSlow(VALUE_OVERHEAD_BYTES + plaintext.byteLength);
    writeHeader(sealed, VALUE_FORMAT, { version, salt: epoch.salt });
    const body = VALUE_HEADER_BYTES + NONCE_BYTES;
    const nonce = sealed.subarray(VALUE_HEADER_BYTES, body);
    this.#fillRandom(nonce);
    const cipher = createCipheriv(CIPHER, epoch.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associated);
    cipher.update(plaintext).copy(sealed, body);
    cipher.final();
    cipher.getAuthTag().copy(sealed, sealed.length - TAG_BYTES);
    return sealed;
  }

  open(place: string, sealed: Buffer): Buffer {
    const { salt } = readValueHeader(sealed);
    const key = this.#valueKey(salt);
    const body = VALUE_HEADER_BYTES + NONCE_BYTES;
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(VALUE_HEADER_BYTES, body), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(associatedData(VALUE_FORMAT, this.context.project, place));
    decipher.setAuthTag(sealed.subarray(end));
    const plaintext = decipher.update(sealed.subarray(body, end));
    try {
      decipher.final();
    } catch (cause) {
      throw broken(cause);
    }
    return plaintext;
  }

  /** The cipher of the stream with this salt at this place. It ends with this key. */
  streamCipher(place: string, salt: Buffer): StreamCipher {
    const key = this.#derive(salt, STREAM_INFO);
    const associated = associatedData(STREAM_FORMAT, this.context.project, place);
    return new StreamCipher(key, associated, () => this.#alive());
  }

  newStreamSalt(salt: Buffer): Buffer {
    this.#fillRandom(salt);
    return salt;
  }

  /** HMAC-SHA256 of a text, lower-case hex. */
  nameOf(text: string): string {
    this.#alive();
    this.#nameKey ??= this.#derive(NO_SALT, NAME_INFO);
    return createHmac('sha256', this.#nameKey).update(text).digest('hex');
  }

  /** Lets go of the key: everything fails from here on, also streams that are under way. */
  destroy(): void {
    this.#key = null;
    this.#nameKey = null;
    this.#epoch = null;
    this.#derived.clear();
  }

  #alive(): KeyObject {
    if (this.#key === null) throw shredded(this.context.project);
    return this.#key;
  }

  #epochFor(bytes: number): Epoch {
    this.#alive();
    let epoch = this.#epoch;
    if (epoch === null || epoch.seals >= this.#sealsPerKeyMax || epoch.bytes + bytes > BYTES_PER_KEY_MAX) {
      const salt = Buffer.alloc(VALUE_SALT_BYTES);
      this.#fillRandom(salt);
      epoch = { salt, key: this.#valueKey(salt), seals: 0, bytes: 0 };
      this.#epoch = epoch;
    }
    epoch.seals += 1;
    epoch.bytes += bytes;
    return epoch;
  }

  #valueKey(salt: Buffer): KeyObject {
    this.#alive();
    const id = salt.toString('latin1');
    const known = this.#derived.get(id);
    if (known !== undefined) return known;
    const key = this.#derive(salt, VALUE_INFO);
    this.#derived.set(id, key);
    if (this.#derived.size > LIMITS.derivedKeysCachedMax.value) {
      const [oldest = ''] = this.#derived.keys();
      this.#derived.delete(oldest);
    }
    return key;
  }

  #derive(salt: Buffer, info: string): KeyObject {
    const bytes = Buffer.from(hkdfSync('sha256', this.#alive(), salt, info, KEY_BYTES));
    const key = createSecretKey(bytes);
    bytes.fill(0);
    return key;
  }
}

// Asked for in advance: a call for each nonce costs a quarter of sealing a small value.
const random = Buffer.allocUnsafeSlow(4096);
let randomUsed = random.length;

/** Fills a nonce or a salt with random bytes that were never given before. */
function fillRandom(target: Buffer): void {
  if (randomUsed + target.length > random.length) {
    randomFillSync(random);
    randomUsed = 0;
  }
  randomUsed += random.copy(target, 0, randomUsed, randomUsed + target.length);
}

export function shredded(project: string): CordonError {
  return new CordonError('CORDON_KEY_SHREDDED', `The keys of the project ${project} were destroyed.`);
}
