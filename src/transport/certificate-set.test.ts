import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { CertificateSet } from './certificate-set.ts';
import { parseKeyPair } from './key-pair.ts';
import { makePair } from './transport.fixture.ts';

test('from one to as many certificates as allowed are taken, and none or one more is refused', async () => {
  const pair = parseKeyPair({ name: 'test', ...(await makePair(['a.example'])) }, Date.now());
  const most = Array.from({ length: LIMITS.certificatesMax.value }, () => pair);
  const set = new CertificateSet(most);
  assert.equal(set.pairs.length, LIMITS.certificatesMax.value);
  for (const wrong of [[], [...most, pair]]) {
    assert.throws(() => set.replace(wrong), { code: 'CORDON_TLS_INVALID' });
    assert.equal(set.pairs.length, LIMITS.certificatesMax.value);
  }
  set.close();
});
