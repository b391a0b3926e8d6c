import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { manualClock, type ManualClock } from './clock.fixture.ts';
import type { Verdict } from './port.ts';
import { VerdictCache } from './verdict-cache.ts';

let clock: ManualClock;
let cache: VerdictCache;

beforeEach(() => {
  clock = manualClock();
  cache = new VerdictCache({ clock, acceptedMax: 3, acceptedMs: 1000, refusedMax: 2, refusedMs: 100 });
});

function accepted(expiresAt: number | null): Verdict {
  return {
    ok: true,
    caller: {
      kind: 'user',
      authenticator: 'jwt:a',
      subject: 's',
      credential: 'c',
      scopes: [],
      claims: {},
      expiresAt,
    },
  };
}

const refusal: Verdict = { ok: false, reason: 'no' };

test('a verdict is remembered for its time, an accepted one at most until its caller expires', () => {
  cache.keep('long', accepted(null));
  cache.keep('short', accepted(clock.now() + 500));
  cache.keep('bad', refusal);
  clock.move(99);
  assert.equal(cache.get('bad'), refusal);
  clock.move(1);
  assert.equal(cache.get('bad'), null);
  clock.move(399);
  assert.equal(cache.get('short')?.ok, true);
  clock.move(1);
  assert.equal(cache.get('short'), null);
  clock.move(499);
  assert.equal(cache.get('long')?.ok, true);
  clock.move(1);
  assert.equal(cache.get('long'), null);
  assert.equal(cache.size, 0);
});

test('a clock that is set ends a verdict early, and never late', () => {
  cache.keep('a', accepted(clock.now() + 500));
  clock.jump(500);
  assert.equal(cache.get('a'), null);
  cache.keep('b', accepted(clock.now() + 500));
  clock.jump(-10_000);
  assert.equal(cache.get('b')?.ok, true);
  clock.move(500);
  assert.equal(cache.get('b'), null);
});

test('the least recently used go first, and refusals drive out refusals alone', () => {
  for (const name of ['a', 'b', 'c']) cache.keep(name, accepted(null));
  cache.get('a');
  cache.keep('d', accepted(null));
  assert.equal(cache.get('b'), null);
  for (let index = 0; index < 100; index += 1) cache.keep(`x${index}`, refusal);
  assert.equal(cache.size, 3 + 2);
  for (const name of ['a', 'c', 'd']) assert.equal(cache.get(name)?.ok, true);
  assert.equal(cache.get('x97'), null);
  assert.equal(cache.get('x99'), refusal);
});

test('clearing forgets all', () => {
  cache.keep('a', accepted(null));
  cache.keep('b', refusal);
  cache.clear();
  assert.equal(cache.get('a'), null);
  assert.equal(cache.size, 0);
});
