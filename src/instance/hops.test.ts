import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { hopsBehind } from './guest-calls.ts';
import type { OpenRequest } from './guest-calls.ts';
import { EndedHops } from './hops.ts';
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

test('a call has the hops of the highest that is open, whichever it names, and of the ended one that it is for', () => {
  const hops = fc.option(fc.nat(30));
  fc.assert(
    fc.property(fc.array(hops), fc.nat(30), fc.nat(20), (open, ended, named) => {
      const all = open.map(request);
      const isOpen = named < all.length;
      const found = hopsBehind(
        { of: (stream) => all[stream] ?? null, all: () => all, endedHops: () => ended },
        named,
      );
      assert.equal(found, Math.max(isOpen ? 0 : ended, ...open.map((value) => value ?? 0)));
    }),
  );
});

test('what stood behind requests that ended is remembered for so many of them, and the most for all others', () => {
  const ended = new EndedHops();
  assert.equal(ended.of(0), 0);
  ended.add(1, 9);
  ended.add(2, 0);
  assert.deepEqual([ended.of(1), ended.of(2), ended.of(0), ended.of(77)], [9, 0, 9, 9]);
  const kept = LIMITS.instanceHopsKept.value;
  for (let stream = 3; stream <= kept; stream += 1) ended.add(stream, 1);
  assert.deepEqual([ended.of(1), ended.of(0)], [9, 9]);
  ended.add(kept + 1, 1);
  assert.deepEqual([ended.of(1), ended.of(0)], [1, 1]);
});
