import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { manualClock, type ManualClock } from './clock.fixture.ts';
import { FailureCounter, REASONS, sourceOf } from './index.ts';

const MOST = LIMITS.authFailuresPerSourceMax.value;
const MOST_OF_CREDENTIAL = LIMITS.authFailuresPerCredentialMax.value;
const WINDOW = LIMITS.authFailureWindowMs.value;
const COOLDOWN = LIMITS.authCooldownMs.value;

let clock: ManualClock;
let failures: FailureCounter;

beforeEach(() => {
  clock = manualClock();
  failures = new FailureCounter(clock);
});

function fail(address: string, times: number, credential: string | null = null): number {
  let told = 0;
  for (let count = 0; count < times; count += 1)
    told += failures.failed(address, credential, 'its secret is wrong').length;
  return told;
}

test('a source is refused past the limit, told once, and free again after the cooldown', () => {
  assert.equal(fail('192.0.2.1', MOST), 0);
  assert.equal(failures.refusedFor('192.0.2.1'), 0);
  assert.deepEqual(failures.failed('192.0.2.1', null, 'its secret is wrong'), [
    { by: 'source', name: '192.0.2.1', failures: MOST + 1, windowMs: WINDOW },
  ]);
  assert.equal(failures.refusedFor('192.0.2.1'), COOLDOWN);
  assert.equal(failures.refusedFor('192.0.2.2'), 0);
  assert.equal(fail('192.0.2.1', 100), 0);
  clock.move(COOLDOWN - 1);
  assert.equal(failures.refusedFor('192.0.2.1'), 1);
  clock.move(1);
  assert.equal(failures.refusedFor('192.0.2.1'), 0);
  assert.equal(fail('192.0.2.1', MOST), 0);
  assert.equal(fail('192.0.2.1', 1), 1);
});

test('failures count within a window, and a clock that is set changes nothing', () => {
  fail('192.0.2.1', MOST);
  clock.jump(-WINDOW);
  clock.move(WINDOW - 1);
  assert.equal(fail('192.0.2.1', 1), 1);
  fail('192.0.2.2', MOST);
  clock.jump(10 * WINDOW);
  clock.move(WINDOW);
  assert.equal(fail('192.0.2.2', 1), 0);
});

test('failures that an honest caller has do not count', () => {
  for (const reason of Object.values(REASONS))
    for (let count = 0; count <= MOST; count += 1) failures.failed('192.0.2.1', 'id', reason);
  assert.equal(failures.size, 0);
  assert.equal(failures.refusedFor('192.0.2.1'), 0);
});

test('a source is an address of IPv4, however it is written, or a /64 of IPv6', () => {
  assert.equal(sourceOf('192.0.2.1'), '192.0.2.1');
  assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(sourceOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(sourceOf('2001:DB8:1:2::'), '2001:db8:1:2::/64');
  assert.equal(sourceOf('fe80::1%eth0'), 'fe80::/64');
  assert.notEqual(sourceOf('2001:db8:1:3::1'), sourceOf('2001:db8:1:2::1'));
  assert.equal(sourceOf('no address'), 'no address');
  assert.equal(sourceOf(''), '');
  for (let count = 0; count <= MOST; count += 1)
    failures.failed(`2001:db8:1:2::${count.toString(16)}`, null, 'wrong');
  assert.ok(failures.refusedFor('2001:db8:1:2:ffff::') > 0);
  assert.equal(failures.refusedFor('2001:db8:1:3::1'), 0);
});

test('a credential that many sources claim is told once in a window, and never refused', () => {
  let told = 0;
  for (let count = 0; count < MOST_OF_CREDENTIAL; count += 1) told += fail(`192.0.2.${count}`, 1, 'abc');
  assert.equal(told, 0);
  assert.deepEqual(failures.failed('198.51.100.1', 'abc', 'its secret is wrong'), [
    { by: 'credential', name: 'abc', failures: MOST_OF_CREDENTIAL + 1, windowMs: WINDOW },
  ]);
  assert.equal(fail('198.51.100.2', 5, 'abc'), 0);
  assert.equal(failures.refusedFor('198.51.100.2'), 0);
  clock.move(WINDOW);
  assert.equal(fail('198.51.100.3', 1, 'abc'), 0);
});

test('memory is bounded under a million sources, and those that are refused stay so', () => {
  fail('192.0.2.1', MOST + 1);
  for (let count = 0; count < 1_000_000; count += 1)
    failures.failed(`${count >> 16}.${(count >> 8) & 255}.${count & 255}.1`, `c${count}`, 'wrong');
  assert.ok(failures.size <= 2 * LIMITS.authSourcesMax.value + 1);
  assert.ok(failures.refusedFor('192.0.2.1') > 0);
});

test('the sources that are refused are bounded too', () => {
  const most = LIMITS.authSourcesMax.value;
  for (let count = 0; count <= most; count += 1) fail(`s${count}`, MOST + 1);
  assert.ok(failures.size <= most + 1);
  assert.equal(failures.refusedFor('s0'), 0);
  assert.ok(failures.refusedFor('s1') > 0);
});
