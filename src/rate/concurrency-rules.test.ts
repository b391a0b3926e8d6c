import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConcurrencySpec } from '../manifest/index.ts';
import { ConcurrencyRules, OpenCounts } from './concurrency-rules.ts';
import type { Held, NotHeld } from './concurrency-rules.ts';
import type { RouteScope, Who } from './scope.ts';

const SCOPE: RouteScope = { route: 'shop/orders GET /orders', project: 'default' };

function who(number: number): Who {
  return {
    address: `192.0.2.${number}`,
    subject: `jwt:customers ${number}`,
    key: `jwt:customers k${number}`,
  };
}

function rulesOf(specs: readonly ConcurrencySpec[], counts = new OpenCounts()): ConcurrencyRules {
  return new ConcurrencyRules(counts, specs, SCOPE);
}

function held(outcome: Held | NotHeld): Held {
  assert.ok(outcome.allowed);
  return outcome;
}

test('as many are open as the rule says, one more is refused, and each that ends makes room for one', () => {
  const rules = rulesOf([{ count: 2, per: 'subject' }]);
  const first = held(rules.enter(who(1)));
  held(rules.enter(who(1)));
  const refused = rules.enter(who(1));
  assert.ok(!refused.allowed);
  assert.deepEqual(
    [refused.code, refused.reason, refused.fields],
    ['CORDON_RATE_LIMITED', 'open at once per subject', ['retry-after', '1']],
  );
  held(rules.enter(who(2)));
  first.release();
  held(rules.enter(who(1)));
  assert.equal(rules.enter(who(1)).allowed, false);
});

test('a place that is given back twice is given back once', () => {
  const rules = rulesOf([{ count: 2, per: 'subject' }]);
  const first = held(rules.enter(who(1)));
  held(rules.enter(who(1)));
  first.release();
  first.release();
  held(rules.enter(who(1)));
  assert.equal(rules.enter(who(1)).allowed, false);
});

test('a refusal by one rule holds nothing under the others', () => {
  const counts = new OpenCounts();
  const rules = rulesOf(
    [
      { count: 10, per: 'subject' },
      { count: 1, per: 'route' },
    ],
    counts,
  );
  const first = held(rules.enter(who(1)));
  const size = counts.size;
  const refused = rules.enter(who(2));
  assert.ok(!refused.allowed && refused.code === 'CORDON_OVERLOADED');
  assert.equal(counts.size, size);
  first.release();
  assert.equal(counts.size, 0, 'who has nothing open takes up nothing');
});

test('callers up to the bound are counted, and one past it is refused', () => {
  const counts = new OpenCounts(2);
  const rules = rulesOf([{ count: 1, per: 'address' }], counts);
  const first = held(rules.enter(who(1)));
  held(rules.enter(who(2)));
  assert.equal(rules.enter(who(3)).allowed, false);
  first.release();
  held(rules.enter(who(3)));
});

test('a route without such rules holds nothing', () => {
  const counts = new OpenCounts(0);
  const rules = rulesOf([], counts);
  held(rules.enter(who(1))).release();
  assert.equal(counts.size, 0);
});
