import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressGroup } from './address-group.ts';

test('an IPv4 address stands for itself, however it arrives', () => {
  for (const spelled of ['192.0.2.7', '::ffff:192.0.2.7', '::ffff:c000:207', '0:0:0:0:0:FFFF:192.0.2.7'])
    assert.equal(addressGroup(spelled), '192.0.2.7', spelled);
  assert.notEqual(addressGroup('192.0.2.8'), addressGroup('192.0.2.7'));
});

test('an IPv6 address stands for its /64, and not for the next one', () => {
  const group = addressGroup('2001:db8:1:2::1');
  assert.equal(group, '2001:db8:1:2::/64');
  for (const same of ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002::', '2001:db8:1:2::9%eth0'])
    assert.equal(addressGroup(same), group, same);
  for (const other of ['2001:db8:1:3::1', '2001:db8:0:2::1', '2001:db8::1:2:0:0:1'])
    assert.notEqual(addressGroup(other), group, other);
  assert.equal(addressGroup('::1'), '0:0:0:0::/64');
});

test('every address of a /64 has the same group', () => {
  const part = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  const half = fc.tuple(part, part, part, part).map((parts) => parts.join(':'));
  fc.assert(
    fc.property(half, half, half, (network, one, other) => {
      fc.pre(!network.startsWith('0:0:0:0'));
      assert.equal(addressGroup(`${network}:${one}`), addressGroup(`${network}:${other}`));
    }),
  );
});

test('what is no address is counted together', () => {
  for (const text of ['', 'localhost', '127.1', '0x7f.0.0.1', '1.2.3.4.5', ':::'])
    assert.equal(addressGroup(text), 'unknown', text);
});
