import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FairRing } from './fair-ring.ts';

test('members that want a turn have it one after the other, and one that wants none costs nobody a turn', () => {
  const ring = new FairRing<string>();
  for (const member of ['a', 'b', 'c']) ring.add(member);
  const seen: (string | null)[] = [];
  for (let turn = 0; turn < 4; turn++) {
    const member = ring.next((candidate) => candidate !== 'b');
    seen.push(member);
    if (member !== null) ring.charge(member, 1);
  }
  assert.deepEqual(seen, ['a', 'c', 'a', 'c']);
  assert.equal(
    ring.next(() => false),
    null,
  );
});

test('one that took more sits out as many rounds', () => {
  const ring = new FairRing<string>();
  ring.add('greedy');
  ring.charge('greedy', 4);
  ring.add('modest');
  const seen: (string | null)[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const member = ring.next(() => true);
    seen.push(member);
    if (member !== null) ring.charge(member, 1);
  }
  assert.deepEqual(seen, ['modest', 'modest', 'modest', 'modest', 'greedy']);
});

test('one that is alone has every turn, whatever it owes', () => {
  const ring = new FairRing<string>();
  ring.add('alone');
  for (let turn = 0; turn < 10; turn++) {
    assert.equal(
      ring.next(() => true),
      'alone',
    );
    ring.charge('alone', 16);
  }
});

test('members that always want get the same, within what one takes at once', () => {
  const costs = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(costs, fc.integer({ min: 50, max: 300 }), (costOf, turns) => {
      const ring = new FairRing<number>();
      const taken = costOf.map(() => 0);
      costOf.forEach((_, member) => ring.add(member));
      for (let turn = 0; turn < turns; turn++) {
        const member = ring.next(() => true);
        assert.ok(member !== null);
        const cost = costOf[member] ?? 0;
        taken[member] = (taken[member] ?? 0) + cost;
        ring.charge(member, cost);
      }
      assert.ok(Math.max(...taken) - Math.min(...taken) <= 2 * Math.max(...costOf));
    }),
  );
});
