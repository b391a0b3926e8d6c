import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseProxyAddress, parseProxyPreamble, PREAMBLE_BYTES } from './proxy-header.ts';
import { addressTlv, proxyHeader } from './proxy-header.fixture.ts';

function parse(bytes: Buffer): string | null | { readonly reason: string } {
  const preamble = parseProxyPreamble(bytes.subarray(0, PREAMBLE_BYTES));
  if (typeof preamble === 'string') return { reason: preamble };
  const parsed = parseProxyAddress(preamble, bytes.subarray(PREAMBLE_BYTES));
  return 'reason' in parsed ? parsed : parsed.address;
}

const V4 = Buffer.from([203, 0, 113, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80]);
const V6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.alloc(16),
  Buffer.alloc(4),
]);
const MAPPED = Buffer.concat([Buffer.from('00000000000000000000ffffcb007107', 'hex'), Buffer.alloc(20)]);

test('the source of IPv4, of IPv6 and of IPv4 inside IPv6 is the caller', () => {
  assert.equal(parse(proxyHeader(0x21, 0x11, V4)), '203.0.113.7');
  assert.equal(parse(proxyHeader(0x21, 0x21, V6)), '2001:db8::1');
  assert.equal(parse(proxyHeader(0x21, 0x21, MAPPED)), '203.0.113.7');
});

test('TLVs that fit are skipped, and ones that do not are refused', () => {
  const tlv = addressTlv(0x04, Buffer.alloc(20));
  assert.equal(parse(proxyHeader(0x21, 0x11, Buffer.concat([V4, tlv, tlv]))), '203.0.113.7');
  for (const rest of [tlv.subarray(0, 2), tlv.subarray(0, -1), Buffer.concat([tlv, Buffer.of(1)])]) {
    assert.deepEqual(parse(proxyHeader(0x21, 0x11, Buffer.concat([V4, rest]))), {
      reason: 'TLVs that do not fit',
    });
  }
});

test('LOCAL, the UNIX family and callers that the proxy does not know are the proxy’s own connections', () => {
  assert.equal(parse(proxyHeader(0x20, 0x00, Buffer.alloc(0))), null);
  assert.equal(parse(proxyHeader(0x20, 0x11, Buffer.from('anything'))), null);
  assert.equal(parse(proxyHeader(0x21, 0x31, Buffer.alloc(216))), null);
  assert.equal(parse(proxyHeader(0x21, 0x00, Buffer.alloc(0))), null);
});

const refused: Record<string, Buffer> = {
  'version 1': Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 8080 80\r\n'),
  'version 1 in the place of 2': proxyHeader(0x11, 0x11, V4),
  'version 3': proxyHeader(0x31, 0x11, V4),
  'an unknown command': proxyHeader(0x22, 0x11, V4),
  'an unknown family': proxyHeader(0x21, 0x41, V4),
  'an unknown transport': proxyHeader(0x21, 0x13, V4),
  'a family without a transport': proxyHeader(0x21, 0x10, V4),
  'a transport without a family': proxyHeader(0x21, 0x01, V4),
  datagrams: proxyHeader(0x21, 0x12, V4),
  'addresses cut short': proxyHeader(0x21, 0x11, V4.subarray(1)),
  'the UNIX family cut short': proxyHeader(0x21, 0x31, Buffer.alloc(215)),
  'IPv6 with the length of IPv4': proxyHeader(0x21, 0x21, V4),
  'another signature': Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\r'),
    proxyHeader(0x21, 0x11, V4).subarray(12),
  ]),
};

for (const [what, bytes] of Object.entries(refused)) {
  test(`${what} is refused`, () => {
    assert.equal(typeof (parse(bytes) as { reason?: unknown } | null)?.reason, 'string');
  });
}

test('whatever comes is an address, nobody or a reason, and never throws', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: PREAMBLE_BYTES, maxLength: 300 }).map((some) => Buffer.from(some)),
    fc
      .tuple(
        fc.constantFrom(0x20, 0x21, 0x22),
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 300 }),
      )
      .map(([command, family, rest]) => proxyHeader(command, family, Buffer.from(rest))),
  );
  fc.assert(
    fc.property(bytes, (some) => {
      const parsed = parse(some);
      assert.ok(parsed === null || typeof parsed === 'string' || typeof parsed.reason === 'string');
    }),
    { numRuns: 2000 },
  );
});
