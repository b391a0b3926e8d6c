import { CordonError } from '../contract/index.ts';

/**
 * The layout of sealed bytes; numbers are big-endian.
 *
 *   value:  1 | u32 key version | 16 salt | 12 nonce | ciphertext | 16 tag
 *   stream: 2 | u32 key version | 32 salt | chunks of 64 KiB ciphertext | 16 tag each, the last one shorter
 *
 * The key of either is HKDF-SHA256 of the data key with the salt, so that no key meets its bound on messages.
 */
export const VALUE_FORMAT = 1;
export const STREAM_FORMAT = 2;
export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
export const VALUE_SALT_BYTES = 16;
export const STREAM_SALT_BYTES = 32;
const PREFIX_BYTES = 5;
export const VALUE_HEADER_BYTES = PREFIX_BYTES + VALUE_SALT_BYTES;
export const STREAM_HEADER_BYTES = PREFIX_BYTES + STREAM_SALT_BYTES;
/** What a sealed value is longer than its plaintext. */
export const VALUE_OVERHEAD_BYTES = VALUE_HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
export const CHUNK_BYTES = 64 * 1024;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

export interface SealHeader {
  readonly version: number;
  readonly salt: Buffer;
}

/** A view of the same memory. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function writeHeader(target: Buffer, format: number, { version, salt }: SealHeader): void {
  target.writeUInt8(format, 0);
  target.writeUInt32BE(version, 1);
  salt.copy(target, PREFIX_BYTES);
}

export function readValueHeader(sealed: Buffer): SealHeader {
  if (sealed.length < VALUE_OVERHEAD_BYTES || sealed[0] !== VALUE_FORMAT) throw broken();
  return { version: sealed.readUInt32BE(1), salt: sealed.subarray(PREFIX_BYTES, VALUE_HEADER_BYTES) };
}

export function readStreamHeader(sealed: Buffer): SealHeader {
  if (sealed.length < STREAM_HEADER_BYTES || sealed[0] !== STREAM_FORMAT) throw broken();
  return { version: sealed.readUInt32BE(1), salt: sealed.subarray(PREFIX_BYTES, STREAM_HEADER_BYTES) };
}

/** Version of the data key with which a value or a stream was sealed, unverified. Errors: CORDON_SEAL_BROKEN. */
export function sealedVersion(sealed: Uint8Array): number {
  const bytes = bufferOf(sealed);
  return (bytes[0] === STREAM_FORMAT ? readStreamHeader(bytes) : readValueHeader(bytes)).version;
}

/**
 * One text for a sequence of names, different for each sequence: a name cannot pretend to be two. It is the
 * place of a value: `placeOf('kv', 'orders', 'key')`.
 */
export function placeOf(...names: readonly string[]): string {
  // Well-formed whatever the names hold: JSON escapes lone surrogates (ECMA-262, QuoteJSONString).
  return JSON.stringify(names);
}

/** What is authenticated beside the ciphertext: injective in format, project and place. */
export function associatedData(format: number, project: string, place: string): Buffer {
  if (!project.isWellFormed() || !place.isWellFormed()) {
    throw new CordonError('CORDON_INTERNAL', 'Cannot seal at a place that is not well-formed Unicode.');
  }
  return Buffer.from(`cordon seal ${format}\n${project.length}:${project}${place}`);
}

export function broken(cause?: unknown): CordonError {
  return new CordonError(
    'CORDON_SEAL_BROKEN',
    'Cannot open a sealed value: it was changed, cut, moved or is of another project.',
    { cause },
  );
}
