import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CHECKSUMS, checksumOf, newChecksum } from './index.ts';
import type { ChecksumAlgorithm } from './index.ts';
import { crc32c, crc64nvme } from './crc.ts';

function hex64(bytes: Uint8Array): string {
  const { high, low } = crc64nvme(bytes, { high: 0, low: 0 });
  return [high, low].map((half) => half.toString(16).padStart(8, '0')).join('');
}

const CHECK = Buffer.from('123456789');
const UP = Uint8Array.from({ length: 32 }, (_, at) => at);

describe('checksums', () => {
  it('CRC-32C gives the values of RFC 3720, B.4', () => {
    assert.equal(crc32c(new Uint8Array(32), 0), 0x8a_91_36_aa);
    assert.equal(crc32c(new Uint8Array(32).fill(0xff), 0), 0x62_a8_ab_43);
    assert.equal(crc32c(UP, 0), 0x46_dd_79_4e);
    assert.equal(crc32c(UP.toReversed(), 0), 0x11_3f_db_5c);
    assert.equal(crc32c(CHECK, 0), 0xe3_06_92_83);
  });

  it('CRC-64/NVME gives the values of the NVM Command Set Specification and of its catalogue', () => {
    assert.equal(hex64(CHECK), 'ae8b14860a799888');
    assert.equal(hex64(new Uint8Array(4096)), '6482d367eb22b64e');
    assert.equal(hex64(new Uint8Array(4096).fill(0xff)), 'c0ddba7302eca3ac');
  });

  it('are in base64, big endian', () => {
    const expected: Readonly<Record<ChecksumAlgorithm, string>> = {
      CRC32: 'y/Q5Jg==',
      CRC32C: '4waSgw==',
      CRC64NVME: 'rosUhgp5mIg=',
      SHA1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
      SHA256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=',
    };
    for (const algorithm of Object.keys(CHECKSUMS) as ChecksumAlgorithm[])
      assert.deepEqual(checksumOf(algorithm, CHECK), { algorithm, value: expected[algorithm] });
  });

  it('are the same however the bytes are cut', () => {
    const algorithms = fc.constantFrom(...(Object.keys(CHECKSUMS) as ChecksumAlgorithm[]));
    fc.assert(
      fc.property(
        algorithms,
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }),
        (algorithm, cuts) => {
          const running = newChecksum(algorithm);
          for (const cut of cuts) running.update(cut);
          const whole = checksumOf(algorithm, Buffer.concat(cuts));
          assert.equal(running.digest().toString('base64'), whole.value);
        },
      ),
    );
  });

  it('differ for bytes that differ in one bit', () => {
    const algorithms = fc.constantFrom(...(Object.keys(CHECKSUMS) as ChecksumAlgorithm[]));
    fc.assert(
      fc.property(
        algorithms,
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.nat(),
        (algorithm, bytes, seed) => {
          const other = Uint8Array.from(bytes);
          const at = seed % bytes.length;
          other[at] = (bytes[at] ?? 0) ^ (1 << (seed % 8));
          assert.notEqual(checksumOf(algorithm, bytes).value, checksumOf(algorithm, other).value);
        },
      ),
    );
  });
});
