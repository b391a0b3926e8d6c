import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { DataKey, type DataKeyOptions } from './data-key.ts';
import { VALUE_OVERHEAD_BYTES, placeOf, sealedVersion } from './format.ts';

function keyOf(byte: number, options: DataKeyOptions = {}, project = 'default'): DataKey {
  return new DataKey({ project, version: 7 }, new Uint8Array(32).fill(byte), options);
}

/** 0, 1, 2 … in place of random bytes. */
function counting(): (target: Buffer) => void {
  let next = 0;
  return (target) => {
    for (let index = 0; index < target.length; index += 1) {
      target.writeUInt8(next & 0xff, index);
      next += 1;
    }
  };
}

const KNOWN_VALUE = '0d3908b6eee99bcb0dd9779a83202af129c25a5b1ffa3db5c0';
const broken = { code: 'CORDON_SEAL_BROKEN' };

test('seals to known bytes, which the format and the primitives alone explain', () => {
  const sealed = keyOf(1, { fillRandom: counting() }).seal('place', Buffer.from('plaintext'));
  const header = ['01', '00000007', '000102030405060708090a0b0c0d0e0f', '101112131415161718191a1b'];
  assert.equal(sealed.toString('hex'), [...header, KNOWN_VALUE].join(''));
  const key = Buffer.from(
    hkdfSync('sha256', Buffer.alloc(32, 1), sealed.subarray(5, 21), 'cordon vault value 1', 32),
  );
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(21, 33));
  decipher.setAAD(Buffer.from('cordon seal 1\n7:defaultplace'));
  decipher.setAuthTag(sealed.subarray(-16));
  assert.equal(
    decipher.update(sealed.subarray(33, -16), undefined, 'utf8') + decipher.final('utf8'),
    'plaintext',
  );
});

test('derives and encrypts as the vectors of RFC 5869 and of the GCM specification', () => {
  // RFC 5869, A.1.
  const okm = hkdfSync(
    'sha256',
    Buffer.alloc(22, 0x0b),
    Buffer.from('000102030405060708090a0b0c', 'hex'),
    Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex'),
    42,
  );
  assert.equal(
    Buffer.from(okm).toString('hex'),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
  // McGrew and Viega, The Galois/Counter Mode of Operation, test case 16.
  const decipher = createDecipheriv(
    'aes-256-gcm',
    Buffer.from('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308', 'hex'),
    Buffer.from('cafebabefacedbaddecaf888', 'hex'),
  );
  decipher.setAAD(Buffer.from('feedfacedeadbeeffeedfacedeadbeefabaddad2', 'hex'));
  decipher.setAuthTag(Buffer.from('76fc6ece0f4e1768cddf8853bb2d551b', 'hex'));
  const plaintext = decipher.update(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    'hex',
    'hex',
  );
  assert.equal(
    plaintext + decipher.final('hex'),
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  );
});

test('opens what it sealed, at its place and for its project alone', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'grapheme' }),
      (plaintext, place, other) => {
        fc.pre(place !== other);
        const key = keyOf(1);
        const sealed = key.seal(place, plaintext);
        assert.deepEqual(key.open(place, sealed), Buffer.from(plaintext));
        assert.equal(sealed.length, plaintext.length + VALUE_OVERHEAD_BYTES);
        assert.equal(sealedVersion(sealed), 7);
        assert.throws(() => key.open(other, sealed), broken);
        assert.throws(() => keyOf(1, {}, 'other').open(place, sealed), broken);
        assert.throws(() => keyOf(2).open(place, sealed), broken);
      },
    ),
  );
});

test('does not open with any bit changed, cut or added', () => {
  const key = keyOf(1);
  const sealed = key.seal('place', Buffer.from('a value of some length'));
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    // The version chooses the key before this one is asked.
    if (bit >= 8 && bit < 40) continue;
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.throws(() => key.open('place', changed), broken, `bit ${bit}`);
  }
  for (let length = 0; length < sealed.length; length += 1) {
    assert.throws(() => key.open('place', sealed.subarray(0, length)), broken, `${length} bytes`);
  }
  assert.throws(() => key.open('place', Buffer.concat([sealed, Buffer.of(0)])), broken);
  assert.equal(key.open('place', sealed).toString(), 'a value of some length');
});

test('cannot be made to take one place for another', () => {
  assert.notEqual(placeOf('a', 'b/c'), placeOf('a/b', 'c'));
  assert.notEqual(placeOf('a', 'b","c'), placeOf('a', 'b', 'c'));
  assert.notEqual(placeOf('\ud800'), placeOf('\ud801'));
  const key = keyOf(1);
  const sealed = key.seal(placeOf('\ud800'), Buffer.of(1));
  assert.throws(() => key.open(placeOf('\ud801'), sealed), broken);
  assert.throws(() => key.seal('\ud800', Buffer.of(1)), { code: 'CORDON_INTERNAL' });
  // The project cannot lend characters to the place.
  const moved = keyOf(1, {}, 'ab').seal('c', Buffer.of(1));
  assert.throws(() => keyOf(1, {}, 'a').open('bc', moved), broken);
});

test('takes a new key after so many values, and opens those of every key', () => {
  const key = keyOf(1, { sealsPerKeyMax: 3 });
  const sealed = Array.from({ length: 7 }, (_, index) => key.seal('place', Buffer.of(index)));
  const salts = sealed.map((bytes) => bytes.toString('hex', 5, 21));
  assert.equal(new Set(salts.slice(0, 3)).size, 1);
  assert.equal(new Set(salts).size, 3);
  assert.equal(new Set(sealed.map((bytes) => bytes.toString('hex', 21, 33))).size, 7);
  for (const [index, bytes] of sealed.entries()) assert.deepEqual(key.open('place', bytes), Buffer.of(index));
});

test('keeps a bounded number of derived keys, and derives one again when it is asked for', () => {
  const key = keyOf(1, { sealsPerKeyMax: 1 });
  const count = LIMITS.derivedKeysCachedMax.value + 2;
  const sealed = Array.from({ length: count }, (_, index) => key.seal('place', Buffer.of(index & 255)));
  for (const [index, bytes] of sealed.entries())
    assert.deepEqual(key.open('place', bytes), Buffer.of(index & 255));
});

test('seals a value of the largest size and none that is larger', () => {
  const key = keyOf(1);
  const largest = Buffer.alloc(LIMITS.sealedValueBytesMax.value);
  assert.equal(key.open('place', key.seal('place', largest)).length, largest.length);
  assert.throws(() => key.seal('place', Buffer.alloc(largest.length + 1)), { code: 'CORDON_SEAL_TOO_LARGE' });
});

test('refuses a key of another size, and erases the one that it takes', () => {
  assert.throws(() => new DataKey({ project: 'p', version: 1 }, randomBytes(31)), {
    code: 'CORDON_KEY_REFUSED',
  });
  const bytes = randomBytes(32);
  assert.equal(typeof new DataKey({ project: 'p', version: 1 }, bytes).nameOf('a'), 'string');
  assert.deepEqual(bytes, Buffer.alloc(32));
});

test('does nothing more once it is destroyed', () => {
  const key = keyOf(1);
  const sealed = key.seal('place', Buffer.of(1));
  const cipher = key.streamCipher('place', Buffer.alloc(32));
  key.destroy();
  const gone = { code: 'CORDON_KEY_SHREDDED' };
  assert.throws(() => key.open('place', sealed), gone);
  assert.throws(() => key.seal('place', Buffer.of(1)), gone);
  assert.throws(() => key.nameOf('a'), gone);
  assert.throws(() => cipher.sealChunk(0, true, Buffer.of(1)), gone);
});
