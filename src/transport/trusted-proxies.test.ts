import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { TrustedProxies } from './trusted-proxies.ts';

const proxies = new TrustedProxies(['10.0.0.0/8', '192.0.2.1', 'fd00::/8'], 4);
const PEER = { address: '10.0.0.1', scheme: 'http' } as const;

function callerOf(...fields: string[]): string {
  return proxies.callerOf(fields, PEER).address;
}

test('addresses in a range are trusted, and others are not', () => {
  for (const address of ['10.1.2.3', '192.0.2.1', 'fd12::1']) assert.equal(proxies.has(address), true);
  for (const address of ['11.0.0.1', '192.0.2.2', 'fe80::1', 'localhost', ''])
    assert.equal(proxies.has(address), false);
});

test('the rightmost address that is no trusted proxy is the caller, and what it says of itself is not believed', () => {
  assert.equal(callerOf('X-Forwarded-For', '203.0.113.7'), '203.0.113.7');
  assert.equal(callerOf('x-forwarded-for', '1.1.1.1, 203.0.113.7, 10.9.9.9'), '203.0.113.7');
  assert.equal(callerOf('x-forwarded-for', '1.1.1.1', 'x-forwarded-for', '203.0.113.7'), '203.0.113.7');
  assert.equal(callerOf('x-forwarded-for', 'nonsense, 203.0.113.7'), '203.0.113.7');
  assert.equal(callerOf('x-forwarded-for', '2001:DB8::1'), '2001:db8::1');
  assert.equal(callerOf('x-forwarded-for', '::ffff:203.0.113.7'), '203.0.113.7');
});

test('without the field, or among proxies alone, the caller is the outermost of them', () => {
  assert.equal(callerOf(), '10.0.0.1');
  assert.equal(callerOf('x-forwarded-for', '10.3.3.3, 10.2.2.2'), '10.3.3.3');
});

test('what cannot be read is nobody, not the one before it', () => {
  for (const value of [
    '',
    'unknown',
    '203.0.113.7:80',
    '[2001:db8::1]',
    'fe80::1%eth0',
    '203.0.113.7,',
    'unknown, 10.2.2.2',
  ]) {
    assert.equal(callerOf('x-forwarded-for', value), '', value);
  }
});

test('as many proxies as allowed are followed, and with one more it is nobody', () => {
  assert.equal(callerOf('x-forwarded-for', '10.0.0.2, 10.0.0.2, 10.0.0.2, 10.0.0.2'), '10.0.0.2');
  assert.equal(callerOf('x-forwarded-for', '203.0.113.7, 10.0.0.2, 10.0.0.2, 10.0.0.2, 10.0.0.2'), '');
});

test('the scheme is what the proxy says, if it says it once', () => {
  assert.equal(proxies.callerOf(['X-Forwarded-Proto', 'HTTPS'], PEER).scheme, 'https');
  assert.equal(proxies.callerOf([], PEER).scheme, 'http');
  assert.equal(callerOf('x-forwarded-proto', 'ftp'), '');
  assert.equal(callerOf('x-forwarded-proto', 'https', 'x-forwarded-proto', 'http'), '');
});

test('ranges that are none, that trust everybody, or too many are refused', () => {
  for (const range of [
    '10.0.0.0/33',
    'fd00::/129',
    'example.com',
    '10.0.0',
    '0.0.0.0/0',
    '::/0',
    '10.0.0.1/',
    '',
  ]) {
    assert.throws(() => new TrustedProxies([range]), { code: 'CORDON_USAGE' }, range);
  }
  const most = Array.from({ length: LIMITS.trustedProxiesMax.value }, (_, i) => `10.0.${i}.0/24`);
  assert.equal(new TrustedProxies(most).has('10.0.99.1'), true);
  assert.throws(() => new TrustedProxies([...most, '10.1.0.0/16']), { code: 'CORDON_USAGE' });
});
