import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeAddress, literalAddress } from './index.ts';

const PUBLIC = ['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '2a00:1450::1'];
const PRIVATE: Readonly<Record<string, string>> = {
  '127.0.0.1': 'loopback',
  '127.255.255.254': 'loopback',
  '10.0.0.1': 'private',
  '172.16.0.1': 'private',
  '172.31.255.255': 'private',
  '192.168.1.1': 'private',
  '169.254.1.1': 'linkLocal',
  '100.64.0.1': 'carrierGradeNat',
  '100.127.255.255': 'carrierGradeNat',
  '::1': 'loopback',
  'fe80::1': 'linkLocal',
  'fd12:3456::1': 'uniqueLocal',
};
const CLOSED: Readonly<Record<string, string>> = {
  '169.254.169.254': 'metadata',
  '169.254.170.2': 'metadata',
  '168.63.129.16': 'metadata',
  '100.100.100.200': 'metadata',
  'fd00:ec2::254': 'metadata',
  '0.0.0.0': 'unspecified',
  '0.1.2.3': 'unspecified',
  '224.0.0.1': 'multicast',
  '255.255.255.255': 'broadcast',
  '240.0.0.1': 'reserved',
  '192.0.2.1': 'reserved',
  '198.18.0.1': 'reserved',
  '::': 'unspecified',
  'ff02::1': 'multicast',
  'fec0::1': 'deprecatedSiteLocal',
  '2001:db8::1': 'reserved',
  '::ffff:127.0.0.1': 'ipv4Mapped',
  '::ffff:8.8.8.8': 'ipv4Mapped',
  '::ffff:a9fe:a9fe': 'ipv4Mapped',
  '::127.0.0.1': 'ipv4Mapped',
  '::7f00:1': 'reserved',
  '::808:808': 'reserved',
  '2002:7f00:1::1': '6to4',
  '64:ff9b::7f00:1': 'rfc6052',
  '64:ff9b:1::a00:1': 'rfc6052',
  '2001:0:7f00:1::1': 'teredo',
  '100::1': 'discard',
  '4000::1': 'reserved',
  'fe80::1%eth0': 'zone',
  '::1%lo': 'zone',
  '0x7f000001': 'malformed',
  '2130706433': 'malformed',
  '127.1': 'malformed',
  '0177.0.0.1': 'malformed',
  localhost: 'malformed',
  '': 'malformed',
};

describe('addresses', () => {
  it('lets public addresses pass', () => {
    for (const address of PUBLIC) assert.deepEqual(judgeAddress(address, false), { allowed: true }, address);
  });

  it('refuses private ones unless the grant opens them', () => {
    for (const [address, range] of Object.entries(PRIVATE)) {
      assert.deepEqual(judgeAddress(address, false), { allowed: false, range }, address);
      assert.deepEqual(judgeAddress(address, true), { allowed: true }, address);
    }
  });

  it('refuses metadata, reserved and embedded addresses whatever a grant says', () => {
    for (const [address, range] of Object.entries(CLOSED)) {
      assert.deepEqual(judgeAddress(address, false), { allowed: false, range }, address);
      assert.deepEqual(judgeAddress(address, true), { allowed: false, range }, address);
    }
  });

  it('are told from names in a URL', () => {
    assert.equal(literalAddress('127.0.0.1'), '127.0.0.1');
    assert.equal(literalAddress('[::1]'), '::1');
    assert.equal(literalAddress('example.com'), null);
  });
});
