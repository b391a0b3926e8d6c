import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { hopsBehind } from './guest-calls.ts';
import type { OpenRequest } from './guest-calls.ts';
import { hopsOf } from './index.ts';

const headersOf = (hops: number | null): string[] => [
  ...['accept', '*/*'],
  ...(hops === null ? [] : ['x-cordon-hops', String(hops)]),
];
const request = (hops: number | null): OpenRequest => {
  const headers = headersOf(hops);
  return { requestId: 'req_1', headers, hops: hopsOf(headers) };
};

test('an exchange says its hops, none without the field, and as many as may be where it cannot be read', () => {
  assert.equal(hopsOf([]), 0);
  assert.equal(hopsOf(['x-cordon-hop', '7', 'x-cordon-hops', '3']), 3);
  assert.equal(hopsOf(['X-Cordon-Hops', '3', 'x-cordon-hops', '1']), 3);
  for (const text of ['', '-1', '1e1', ' 2', '0x1', '1.5', '9'.repeat(10)])
    assert.equal(hopsOf(['x-cordon-hops', text]), LIMITS.eventHopsMax.value, text);
});

test('a call has the hops of the highest that is open, of the last where none is, and whichever it names', () => {
  const hops = fc.option(fc.nat(30));
  fc.assert(
    fc.property(fc.array(hops), hops, fc.nat(), (open, last, named) => {
      const all = open.map(request);
      const found = hopsBehind({
        of: () => all[named % Math.max(1, all.length)] ?? null,
        all: () => all,
        lastHeaders: () => headersOf(last),
      });
      const expected = open.length > 0 ? Math.max(...open.map((value) => value ?? 0)) : (last ?? 0);
      assert.equal(found, expected);
    }),
  );
  assert.equal(hopsBehind({ of: () => null, all: () => [], lastHeaders: () => [] }), 0);
});
