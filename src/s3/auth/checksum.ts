import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { crc32c, crc64nvme } from './crc.ts';
import type { Crc64 } from './crc.ts';
import type { Checksum, ChecksumAlgorithm } from './port.ts';

interface ChecksumKind {
  /** Header field, and name of the trailer. */
  readonly field: string;
  readonly bytes: number;
}

/** The checksums of S3 that are known here. */
export const CHECKSUMS = {
  CRC32: { field: 'x-amz-checksum-crc32', bytes: 4 },
  CRC32C: { field: 'x-amz-checksum-crc32c', bytes: 4 },
  CRC64NVME: { field: 'x-amz-checksum-crc64nvme', bytes: 8 },
  SHA1: { field: 'x-amz-checksum-sha1', bytes: 20 },
  SHA256: { field: 'x-amz-checksum-sha256', bytes: 32 },
} as const satisfies Record<ChecksumAlgorithm, ChecksumKind>;

const BY_FIELD: ReadonlyMap<string, ChecksumAlgorithm> = new Map(
  (Object.keys(CHECKSUMS) as ChecksumAlgorithm[]).map((name) => [CHECKSUMS[name].field, name]),
);

/** A checksum of bytes that come piece by piece. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** Of all bytes so far, big endian. To be called once. */
  digest(): Buffer;
}

export function newChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case 'CRC32':
      return crcOf32((bytes, state) => crc32(bytes, state));
    case 'CRC32C':
      return crcOf32(crc32c);
    case 'CRC64NVME':
      return crcOf64();
    case 'SHA1':
      return createHash('sha1');
    case 'SHA256':
      return createHash('sha256');
  }
}

/** The checksum of bytes that are there as a whole. */
export function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): Checksum {
  const running = newChecksum(algorithm);
  running.update(bytes);
  return { algorithm, value: running.digest().toString('base64') };
}

/** The algorithm whose value a field holds; undefined for any other field. */
export function checksumIn(field: string): ChecksumAlgorithm | undefined {
  return BY_FIELD.get(field);
}

/** The bytes of a digest in base64, when they are spelled in the one right way and as many; else null. */
export function digestBytes(text: string, bytes: number): Buffer | null {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? decoded : null;
}

function crcOf32(next: (bytes: Uint8Array, state: number) => number): RunningChecksum {
  let state = 0;
  return {
    update(bytes) {
      state = next(bytes, state);
    },
    digest() {
      const digest = Buffer.alloc(CHECKSUMS.CRC32.bytes);
      digest.writeUInt32BE(state);
      return digest;
    },
  };
}

function crcOf64(): RunningChecksum {
  let state: Crc64 = { high: 0, low: 0 };
  return {
    update(bytes) {
      state = crc64nvme(bytes, state);
    },
    digest() {
      const digest = Buffer.alloc(CHECKSUMS.CRC64NVME.bytes);
      digest.writeUInt32BE(state.high);
      digest.writeUInt32BE(state.low, 4);
      return digest;
    },
  };
}
