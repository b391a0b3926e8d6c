import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { signer } from './issuer.fixture.ts';
import { fits, readPublicKeys } from './public-keys.ts';

const rsa = signer('RS256', 'a').jwk;
const ec = signer('ES256', 'b').jwk;
const ed = signer('EdDSA', 'c').jwk;

function kids(...members: readonly unknown[]): (string | null)[] {
  return readPublicKeys({ keys: members }).keys.map(({ kid }) => kid);
}

test('keys of each type are read, whatever else they say', () => {
  assert.deepEqual(kids(rsa, { ...ec, x5c: ['AA'], x5t: 'x', unknown: {} }, { ...ed, key_ops: ['verify'] }), [
    'a',
    'b',
    'c',
  ]);
  const { use: _use, kid: _kid, ...bare } = ec;
  assert.deepEqual(kids(bare), [null]);
});

test('a member that cannot verify is left out, and its neighbours are not', () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const short = generateKeyPairSync('rsa', { modulusLength: 2040 }).publicKey.export({ format: 'jwk' });
  const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' });
  const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' });
  const unfit: readonly unknown[] = [
    null,
    'text',
    [rsa],
    {},
    { kty: 'oct', k: 'AAAA', kid: 'x' },
    { ...rsa, kty: 'rsa' },
    { ...rsa, kty: 'oct', k: 'AAAA' },
    { ...rsa, kty: ['RSA'] },
    { ...rsa, k: 'AAAA' },
    { ...rsa, d: '' },
    pair.privateKey.export({ format: 'jwk' }),
    { ...ec, d: 'AAAA' },
    { ...rsa, use: 'enc' },
    { ...rsa, use: 1 },
    { ...rsa, key_ops: ['sign'] },
    { ...rsa, key_ops: 'verify' },
    { ...rsa, key_ops: [] },
    { ...rsa, alg: 1 },
    { ...rsa, kid: 1 },
    { ...rsa, kid: '' },
    { ...rsa, kid: 'k'.repeat(LIMITS.jwksKeyIdBytesMax.value + 1) },
    { ...rsa, n: 1 },
    { ...rsa, n: undefined },
    { ...rsa, n: '' },
    { ...rsa, e: 'AQ' },
    { ...rsa, e: 'Ag' },
    { ...rsa, e: 'AQAAAAAB' },
    { ...rsa, n: 'A'.repeat(2000) },
    short,
    k1,
    x25519,
    { ...ec, crv: 'P-384' },
    { ...ec, x: ec['y'] },
    { ...ec, y: undefined },
    { ...ed, x: 'AAAA' },
    { ...ed, crv: 'Ed448' },
  ];
  for (const member of unfit) {
    const { keys, ignored } = readPublicKeys({ keys: [member, ed] });
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      ['c'],
      JSON.stringify(member),
    );
    assert.equal(ignored.length, 1);
  }
});

test('an RSA key at the shortest and the longest is read', () => {
  for (const bits of [LIMITS.rsaKeyBitsMin.value, LIMITS.rsaKeyBitsMax.value]) {
    // Any modulus of this length; only its length is looked at.
    const modulus = Buffer.alloc(bits / 8, 0xff).toString('base64url');
    assert.deepEqual(kids({ ...rsa, n: modulus }), ['a']);
    const longer = Buffer.alloc(LIMITS.rsaKeyBitsMax.value / 8 + 1, 0xff).toString('base64url');
    assert.deepEqual(kids({ ...rsa, n: longer }), []);
  }
  assert.deepEqual(kids({ ...rsa, kid: 'k'.repeat(LIMITS.jwksKeyIdBytesMax.value) }).length, 1);
});

test('of different keys with the same kid none is used, and the same key twice is one', () => {
  const other = { ...signer('ES256', 'b').jwk };
  assert.deepEqual(kids(ec, other, rsa), ['a']);
  assert.deepEqual(kids(ec, { ...ec }, rsa), ['b', 'a']);
  assert.deepEqual(kids(ec, { ...ec, alg: 'ES256' }, rsa), ['a']);
  assert.deepEqual(kids(ec, { ...other, use: 'enc' }), ['b']);
});

test('what is no set, or has too many keys, is refused as a whole', () => {
  for (const set of [null, [], {}, { keys: {} }, { keys: 'x' }, 'x', 1])
    assert.throws(() => readPublicKeys(set), { code: 'CORDON_EGRESS_FAILED' });
  const most = LIMITS.jwksKeysMax.value;
  const many = Array.from({ length: most }, (_, index) => ({ ...ed, kid: `k${index}` }));
  assert.equal(kids(...many).length, most);
  assert.throws(() => kids(...many, ed), { code: 'CORDON_EGRESS_FAILED' });
});

test('a key fits the algorithms of its type and curve, and its own alone where it names one', () => {
  const [plain, curve, edwards, pinned] = readPublicKeys({
    keys: [rsa, ec, ed, { ...rsa, kid: 'd', alg: 'RS512' }],
  }).keys;
  assert.ok(plain && curve && edwards && pinned);
  for (const algorithm of ['RS256', 'PS512'] as const) assert.equal(fits(plain, algorithm), true);
  for (const algorithm of ['ES256', 'EdDSA'] as const) assert.equal(fits(plain, algorithm), false);
  assert.equal(fits(curve, 'ES256'), true);
  for (const algorithm of ['ES384', 'RS256', 'EdDSA'] as const) assert.equal(fits(curve, algorithm), false);
  assert.equal(fits(edwards, 'EdDSA'), true);
  assert.equal(fits(edwards, 'ES256'), false);
  assert.equal(fits(pinned, 'RS512'), true);
  assert.equal(fits(pinned, 'RS256'), false);
});
