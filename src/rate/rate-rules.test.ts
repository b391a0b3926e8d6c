import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import type { Per, RateSpec } from '../manifest/index.ts';
import { TestClock } from './clock.fixture.ts';
import { MemoryCounters } from './memory-counters.ts';
import type { Counters } from './port.ts';
import { RateRules } from './rate-rules.ts';
import type { RateVerdict } from './rate-rules.ts';
import type { RouteScope, Who } from './scope.ts';

const MINUTE_MS = 60_000;
const SCOPE: RouteScope = { route: 'shop/orders GET /orders', project: 'default' };
const CALLER: Who = { address: '192.0.2.1', subject: 'jwt:customers 1', key: 'jwt:customers k1' };

function rate(count: number, per: Per, burst = count, periodMs = MINUTE_MS): RateSpec {
  return { count, periodMs, per, burst };
}

interface Setting {
  readonly clock: TestClock;
  readonly counters: MemoryCounters;
}

function setting(): Setting {
  const clock = new TestClock();
  return { clock, counters: new MemoryCounters({ clock }) };
}

function take(rules: RateRules, who: Who = CALLER): RateVerdict {
  const verdict = rules.take(who);
  assert.ok(!(verdict instanceof Promise), 'counters in memory answer at once');
  return verdict;
}

function field(verdict: RateVerdict, name: string): string | undefined {
  const index = verdict.fields.indexOf(name);
  return index < 0 ? undefined : verdict.fields[index + 1];
}

test('a caller gets the rate, one more is refused, and who waits as told is let in', () => {
  const { clock, counters } = setting();
  const rules = new RateRules(counters, [rate(3, 'subject')], SCOPE);
  for (const left of [2, 1, 0]) {
    const verdict = take(rules);
    assert.equal(verdict.allowed, true);
    assert.equal(field(verdict, 'ratelimit'), `"subject";r=${left};t=${(3 - left) * 20}`);
    assert.equal(field(verdict, 'retry-after'), undefined);
  }
  clock.ms += 500;
  const refused = take(rules);
  assert.ok(!refused.allowed);
  assert.deepEqual([refused.code, refused.reason], ['CORDON_RATE_LIMITED', 'rate per subject']);
  assert.equal(field(refused, 'ratelimit-policy'), '"subject";q=3;w=60');
  assert.equal(field(refused, 'ratelimit'), '"subject";r=0;t=20');
  assert.equal(field(refused, 'retry-after'), '20');
  clock.ms += 20_000;
  assert.equal(take(rules).allowed, true);
  assert.equal(take(rules).allowed, false);
});

test('a refusal by one rule costs nothing under the others, and names the one to wait for', () => {
  const { clock, counters } = setting();
  const rules = new RateRules(
    counters,
    [rate(100, 'subject', 5), rate(1, 'address', 1, 1000), rate(2, 'subject', 2, 3_600_000)],
    SCOPE,
  );
  const first = take(rules);
  assert.equal(
    field(first, 'ratelimit-policy'),
    '"subject";q=100;w=60;burst=5, "address";q=1;w=1, "subject-2";q=2;w=3600',
  );
  assert.equal(field(first, 'ratelimit'), '"address";r=0;t=1');
  for (let i = 0; i < 20; i++) assert.equal(field(take(rules), 'ratelimit'), '"address";r=0;t=1');
  clock.ms += 1000;
  assert.equal(take(rules).allowed, true, 'what was refused was not counted for the subject');
  clock.ms += 1000;
  assert.equal(field(take(rules), 'ratelimit'), '"subject-2";r=0;t=1798');
});

test('each kind of rule counts those together whom it names, and nobody else', () => {
  const other: Who = { address: '192.0.2.2', subject: 'jwt:customers 2', key: 'jwt:customers k2' };
  const cases: readonly [Per, same: Who, apart: Who | null][] = [
    ['subject', { ...other, subject: CALLER.subject }, { ...CALLER, subject: other.subject }],
    ['key', { ...other, key: CALLER.key }, { ...CALLER, key: other.key }],
    ['address', { ...other, address: CALLER.address }, { ...CALLER, address: other.address }],
    ['route', other, null],
    ['project', other, null],
  ];
  for (const [per, same, apart] of cases) {
    const rules = new RateRules(setting().counters, [rate(1, per)], SCOPE);
    assert.equal(take(rules).allowed, true, per);
    assert.equal(take(rules, same).allowed, false, per);
    if (apart !== null) assert.equal(take(rules, apart).allowed, true, per);
  }
});

test('routes count apart, except for a rule per project', () => {
  const { counters } = setting();
  const elsewhere = { ...SCOPE, route: 'shop/orders PUT /orders' };
  for (const [per, shared] of [
    ['route', false],
    ['subject', false],
    ['project', true],
  ] as const) {
    assert.equal(take(new RateRules(counters, [rate(1, per)], SCOPE)).allowed, true);
    assert.equal(take(new RateRules(counters, [rate(1, per)], SCOPE)).allowed, false, 'after a deploy');
    assert.equal(take(new RateRules(counters, [rate(1, per)], elsewhere)).allowed, !shared, per);
  }
  const abroad = { ...SCOPE, project: 'another' };
  assert.equal(take(new RateRules(counters, [rate(1, 'project')], abroad)).allowed, true);
});

test('a caller who is not known is counted by address, also where a rule is per subject or key', () => {
  for (const per of ['subject', 'key'] as const) {
    const rules = new RateRules(setting().counters, [rate(1, per)], SCOPE);
    const nobody: Who = { address: '2001:db8::/64', subject: null, key: null };
    assert.equal(take(rules, nobody).allowed, true);
    assert.equal(take(rules, nobody).allowed, false);
    assert.equal(take(rules, { ...nobody, address: '192.0.2.9' }).allowed, true);
    assert.equal(
      take(rules, { ...nobody, subject: '@2001:db8::/64', key: '@2001:db8::/64' }).allowed,
      true,
      'a name that looks like an address is a name',
    );
  }
});

test('a name of any length is counted, and long ones do not fall together', () => {
  const rules = new RateRules(setting().counters, [rate(1, 'subject')], SCOPE);
  const long = 'x'.repeat(30_000);
  for (const subject of ['x'.repeat(256), 'x'.repeat(257), `${long}1`, `${long}2`]) {
    assert.equal(take(rules, { ...CALLER, subject }).allowed, true);
    assert.equal(take(rules, { ...CALLER, subject }).allowed, false);
  }
});

test('a route without rates asks nobody', () => {
  const rules = new RateRules(failing(new Error('asked')), [], SCOPE);
  assert.deepEqual(take(rules), { allowed: true, fields: [] });
});

test('where nobody can count, nobody passes', async () => {
  const lost = new CordonError('CORDON_COUNTERS_UNAVAILABLE');
  const sync = take(new RateRules(failing(lost), [rate(1, 'route')], SCOPE));
  const later = await new RateRules(
    { take: () => Promise.reject(lost), close: () => undefined },
    [rate(1, 'route')],
    SCOPE,
  ).take(CALLER);
  for (const verdict of [sync, later]) {
    assert.ok(!verdict.allowed);
    assert.equal(verdict.code, 'CORDON_COUNTERS_UNAVAILABLE');
    assert.equal(field(verdict, 'retry-after'), '1');
  }
  const short = take(new RateRules({ take: () => [], close: () => undefined }, [rate(1, 'route')], SCOPE));
  assert.ok(!short.allowed && short.code === 'CORDON_INTERNAL');
});

function failing(error: Error): Counters {
  return {
    take: () => {
      throw error;
    },
    close: () => undefined,
  };
}
