import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sha256 } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { checksumOf, verifyRequest } from './index.ts';
import type { VerifiedBody } from './index.ts';
import { chunked, codeOf, options, pieces, read, signed } from './auth.fixture.ts';

type Fields = readonly (readonly [string, string])[];

const HELLO = Buffer.from('hello, world');
const CHUNKS = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
const CHUNKS_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
const TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** A body as the endpoint reads it, of a request that is signed like this. */
async function bodyOf(
  payload: string,
  fields: Fields,
  bytes: (seed: string) => Uint8Array,
  size?: number,
): Promise<VerifiedBody> {
  const request = signed({ payload, fields });
  const verified = await verifyRequest(request, options);
  return verified.body(pieces(bytes(request.signature), size));
}

async function outcome(
  payload: string,
  fields: Fields,
  bytes: (seed: string) => Uint8Array,
): Promise<string> {
  const body = await bodyOf(payload, fields, bytes);
  return codeOf(read(body));
}

describe('a body that is sent as it is', () => {
  const length: Fields = [['content-length', String(HELLO.length)]];
  const hash = sha256(HELLO);

  it('is taken with the hash that was signed, and refused with any other', async () => {
    assert.equal(await outcome(hash, length, () => HELLO), 'accepted');
    const other = Buffer.from('hello, World');
    assert.equal(await outcome(hash, length, () => other), 'XAmzContentSHA256Mismatch');
    assert.equal(await outcome('UNSIGNED-PAYLOAD', length, () => other), 'accepted');
  });

  it('has the length that was given, no byte less or more', async () => {
    for (const payload of [hash, 'UNSIGNED-PAYLOAD']) {
      assert.equal(await outcome(payload, length, () => HELLO.subarray(1)), 'IncompleteBody');
      assert.equal(await outcome(payload, length, () => Buffer.concat([HELLO, HELLO])), 'IncompleteBody');
      assert.equal(await outcome(payload, [], () => HELLO), 'MissingContentLength');
    }
    assert.equal(await outcome(sha256(''), [], () => Buffer.alloc(0)), 'accepted');
  });

  it('has the MD5 that was given', async () => {
    const md5 = createHash('md5').update(HELLO).digest('base64');
    const fields: Fields = [...length, ['content-md5', md5]];
    assert.equal(await outcome('UNSIGNED-PAYLOAD', fields, () => HELLO), 'accepted');
    const other = () => Buffer.from('hello, World');
    assert.equal(await outcome('UNSIGNED-PAYLOAD', fields, other), 'BadDigest');
  });

  it('has the checksum that was given, which is then told', async () => {
    for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
      const checksum = checksumOf(algorithm, HELLO);
      const fields: Fields = [...length, [`x-amz-checksum-${algorithm.toLowerCase()}`, checksum.value]];
      const body = await bodyOf('UNSIGNED-PAYLOAD', fields, () => HELLO);
      assert.equal(body.checksum, null);
      await read(body);
      assert.deepEqual(body.checksum, checksum);
      const other = () => Buffer.from('hello, World');
      assert.equal(await outcome('UNSIGNED-PAYLOAD', fields, other), 'BadDigest');
    }
  });

  it('is not held against the checksum of an object that is completed', async () => {
    const fields: Fields = [...length, ['x-amz-checksum-crc32', 'AAAAAA==']];
    const request = signed({ method: 'POST', payload: hash, fields, parameters: [['uploadId', 'u']] });
    const completed = await verifyRequest(request, options);
    assert.equal(await codeOf(read(completed.body(pieces(HELLO)))), 'accepted');
    assert.equal(await outcome(hash, fields, () => HELLO), 'BadDigest');
  });

  it('can be read once', async () => {
    const body = await bodyOf(hash, length, () => HELLO);
    await read(body);
    await assert.rejects(read(body), { code: 'CORDON_INTERNAL' });
  });
});

describe('a body in signed chunks', () => {
  const min = LIMITS.s3ChunkBytesMin.value;
  const first = Buffer.alloc(min, 'a');
  const second = Buffer.alloc(min, 'b');
  const last = Buffer.from('the end');
  const fields = (bytes: number): Fields => [['x-amz-decoded-content-length', String(bytes)]];
  const bytes = first.length + second.length + last.length;
  const all = (seed: string): Buffer => chunked(seed, [first, second, last]);

  it('is what the chunks hold, however it is cut on the way', async () => {
    for (const size of [1, 7, 4096, 1_000_000]) {
      const body = await bodyOf(CHUNKS, fields(bytes), all, size);
      assert.deepEqual(await read(body), Buffer.concat([first, second, last]));
    }
    assert.equal(await outcome(CHUNKS, fields(0), (seed) => chunked(seed, [])), 'accepted');
  });

  it('may have a small chunk at its end alone', async () => {
    const two = (size: number) => (seed: string) => chunked(seed, [Buffer.alloc(size), last]);
    assert.equal(await outcome(CHUNKS, fields(min + last.length), two(min)), 'accepted');
    assert.equal(await outcome(CHUNKS, fields(min - 1 + last.length), two(min - 1)), 'InvalidChunkSizeError');
  });

  it('may have a line before a chunk that is as long as allowed, and is refused for one byte more', async () => {
    const most = LIMITS.s3ChunkLineBytesMax.value;
    for (const extra of [0, 1]) {
      const line = Buffer.from(`${'0'.repeat(most + extra)}\r\n`);
      await assert.rejects(read(await bodyOf(CHUNKS, fields(bytes), () => line)), {
        code: 'InvalidRequest',
        reason: extra === 0 ? /malformed/ : /too long/,
      });
    }
  });

  const text = (seed: string): string => all(seed).toString('latin1');
  const back = (changed: string): Buffer => Buffer.from(changed, 'latin1');
  const swapped = (seed: string): Buffer => {
    const size = text(seed).indexOf('\r\n') + 2 + min + 2;
    const whole = all(seed);
    return Buffer.concat([whole.subarray(size, 2 * size), whole.subarray(0, size), whole.subarray(2 * size)]);
  };
  const refusals: readonly (readonly [title: string, code: string, change: (seed: string) => Uint8Array])[] =
    [
      [
        'with a byte changed',
        'SignatureDoesNotMatch',
        (seed) => back(text(seed).replace('the end', 'the eND')),
      ],
      ['with chunks in another order', 'SignatureDoesNotMatch', swapped],
      ['signed for another request', 'SignatureDoesNotMatch', (seed) => all(seed.replace(/./g, '0'))],
      [
        'without its last chunk',
        'IncompleteBody',
        (seed) => back(text(seed).replace(/0;chunk-signature=[^]*$/, '')),
      ],
      ['cut inside of a chunk', 'IncompleteBody', (seed) => all(seed).subarray(0, min)],
      ['without its last line end', 'IncompleteBody', (seed) => all(seed).subarray(0, -2)],
      ['with bytes after the end', 'IncompleteBody', (seed) => back(`${text(seed)}x`)],
      ['with another body after the end', 'IncompleteBody', (seed) => back(text(seed) + text(seed))],
      [
        'with a chunk left out',
        'SignatureDoesNotMatch',
        (seed) => all(seed).subarray(text(seed).indexOf('\r\n', min) + 2),
      ],
      [
        'without signatures',
        'InvalidRequest',
        (seed) => back(text(seed).replaceAll(/;chunk-signature=[0-9a-f]+/g, '')),
      ],
      ['with another extension', 'InvalidRequest', (seed) => back(text(seed).replace(';chunk-', ';chonk-'))],
      [
        'with a line that ends in LF alone',
        'InvalidRequest',
        (seed) => back(text(seed).replace('\r\n', '\n')),
      ],
      [
        'with a size that is no number',
        'InvalidRequest',
        (seed) => back(text(seed).replace('2000;', '-2000;')),
      ],
      [
        'with a size that is too large',
        'IncompleteBody',
        (seed) => back(text(seed).replace('2000;', 'fffffffff;')),
      ],
      [
        'with a size that is too small',
        'InvalidRequest',
        (seed) => back(text(seed).replace('2000;', '1fff;')),
      ],
      [
        'with a trailer that nobody announced',
        'MalformedTrailerError',
        (seed) => back(text(seed).replace(/\r\n$/, 'a:b\r\n\r\n')),
      ],
    ];
  for (const [title, code, change] of refusals)
    it(`is refused ${title}`, async () => assert.equal(await outcome(CHUNKS, fields(bytes), change), code));

  it('is refused when it holds less or more than was announced', async () => {
    assert.equal(await outcome(CHUNKS, fields(bytes + 1), all), 'IncompleteBody');
    assert.equal(await outcome(CHUNKS, fields(bytes - 1), all), 'IncompleteBody');
  });

  it('is refused with any byte of it changed', async () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(change, async ([seed, bits]) => {
        const code = await outcome(CHUNKS, fields(last.length), (signature) => {
          const right = chunked(signature, [last]);
          const at = seed % right.length;
          right[at] = (right[at] ?? 0) ^ bits;
          return right;
        });
        assert.notEqual(code, 'accepted');
      }),
      { numRuns: 300 },
    );
  });
});

describe('a body with a trailer', () => {
  const { value } = checksumOf('CRC64NVME', HELLO);
  const fields = (announced = 'x-amz-checksum-crc64nvme'): Fields => [
    ['x-amz-decoded-content-length', String(HELLO.length)],
    ['x-amz-trailer', announced],
  ];
  const unsigned = (trailer: string) => () => Buffer.from(`c\r\nhello, world\r\n0\r\n${trailer}\r\n`);
  const line = `x-amz-checksum-crc64nvme:${value}\r\n`;

  it('has the checksum in it, which is then told', async () => {
    const body = await bodyOf(TRAILER, fields(), unsigned(line));
    assert.deepEqual(await read(body), HELLO);
    assert.deepEqual(body.checksum, { algorithm: 'CRC64NVME', value });
    const spaced = line.replace(':', ': ').replace('x-amz', 'X-Amz');
    assert.equal(await outcome(TRAILER, fields('X-Amz-Checksum-Crc64nvme'), unsigned(spaced)), 'accepted');
  });

  const refusals: readonly (readonly [title: string, code: string, trailer: string])[] = [
    ['without it', 'MalformedTrailerError', ''],
    ['with it twice', 'MalformedTrailerError', line + line],
    ['with another one', 'MalformedTrailerError', 'x-amz-checksum-crc32:AAAAAA==\r\n'],
    ['with another one beside it', 'MalformedTrailerError', `${line}x-amz-meta-a:b\r\n`],
    ['with a line that is no field', 'MalformedTrailerError', 'x-amz-checksum-crc64nvme\r\n'],
    ['with a value that is none', 'MalformedTrailerError', 'x-amz-checksum-crc64nvme:AAAA\r\n'],
    ['with the value of another body', 'BadDigest', 'x-amz-checksum-crc64nvme:AAAAAAAAAAA=\r\n'],
    [
      'with a signature that nobody asked for',
      'MalformedTrailerError',
      `${line}x-amz-trailer-signature:a\r\n`,
    ],
  ];
  for (const [title, code, trailer] of refusals)
    it(`is refused ${title}`, async () =>
      assert.equal(await outcome(TRAILER, fields(), unsigned(trailer)), code));

  it('may be as long as allowed, and is refused for one byte more', async () => {
    const most = LIMITS.s3TrailerBytesMax.value;
    for (const extra of [0, 1])
      await assert.rejects(
        read(await bodyOf(TRAILER, fields(), unsigned(`a:${'b'.repeat(most - 2 + extra)}\r\n`))),
        { code: extra === 0 ? 'MalformedTrailerError' : 'InvalidRequest' },
      );
  });

  it('is signed where the chunks are', async () => {
    const trailer = ['x-amz-checksum-crc64nvme', value] as const;
    const right = (seed: string): Buffer => chunked(seed, [HELLO], trailer);
    const changed = (seed: string, from: string | RegExp, to: string): Buffer =>
      Buffer.from(right(seed).toString('latin1').replace(from, to), 'latin1');
    const other = checksumOf('CRC64NVME', Buffer.from('x')).value;
    const cases: readonly (readonly [code: string, bytes: (seed: string) => Buffer])[] = [
      ['accepted', right],
      ['SignatureDoesNotMatch', (seed) => changed(seed, value, other)],
      ['BadDigest', (seed) => chunked(seed, [HELLO], ['x-amz-checksum-crc64nvme', other])],
      ['MalformedTrailerError', (seed) => changed(seed, /x-amz-trailer-signature:.*\r\n/, '')],
      ['MalformedTrailerError', (seed) => changed(seed, /(x-amz-trailer-signature:)./, '$1g')],
      ['MalformedTrailerError', (seed) => chunked(seed, [HELLO])],
    ];
    for (const [code, bytes] of cases) assert.equal(await outcome(CHUNKS_TRAILER, fields(), bytes), code);
  });
});
