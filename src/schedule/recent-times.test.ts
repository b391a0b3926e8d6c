import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { RecentTimes } from './recent-times.ts';
import { tableOf } from './schedule.fixture.ts';

test('as many parsed expressions as the limit stay in memory, and one more costs the one not used for longest', () => {
  const max = LIMITS.cronTimesKept.value;
  const table = tableOf(
    ...Array.from({ length: max + 1 }, (_, index) => ({
      cron: `${index % 60} ${Math.floor(index / 60)} * * *`,
    })),
  );
  const specs = table.crons().map(({ spec }) => spec);
  const recent = new RecentTimes();
  const kept = specs.slice(0, max).map((spec) => recent.of(spec));
  assert.equal(recent.size, max);
  const [first, second, last] = [specs[0], specs[1], specs[max]];
  assert.ok(first !== undefined && second !== undefined && last !== undefined);
  assert.equal(recent.of(first), kept[0]);
  recent.of(last);
  assert.equal(recent.size, max);
  assert.equal(recent.of(first), kept[0]);
  assert.notEqual(recent.of(second), kept[1]);
  assert.equal(recent.of({ ...second }), recent.of(second));
});
