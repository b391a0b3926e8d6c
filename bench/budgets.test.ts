import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './budgets.ts';
import { coldName } from './cold-start.ts';
import { LOG_KEYED } from './event-log.ts';
import { CORDON, type Result } from './measurement.ts';
import { fromRounds, fromSamples, median, quantile } from './statistics.ts';
import { UNDICI_PROXY, warmName } from './warm.ts';

const throughput = (subject: string, value: number): Result => ({
  name: warmName('GET 100 B', 32, 'throughput'),
  unit: 'requests/s',
  subject,
  median: value,
  p90: null,
  p99: null,
  runs: 5,
});

const verdictOf = (results: readonly Result[], name: string) =>
  judge(results).find((one) => one.name === name);

test('the quantile is the nearest rank, and there is none without samples', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.equal(median(samples), 50);
  assert.equal(quantile(samples, 0.99), 99);
  assert.equal(quantile([7], 0.99), 7);
  assert.throws(() => median([]), /no samples/);
});

test('a budget is met at its limit and missed past it', () => {
  const cold = (ms: number): Result[] => [
    fromSamples({ name: coldName('tiny'), unit: 'ms', subject: CORDON }, [ms]),
  ];
  assert.equal(verdictOf(cold(4), 'cold start, 1 KB: p50')?.met, true);
  const missed = verdictOf(cold(5), 'cold start, 1 KB: p50');
  assert.equal(missed?.met, false);
  assert.equal(missed.missedByPercent, 25);
});

test('a budget of what there should be much of is met at its limit and missed below it', () => {
  const accepted = (rate: number): Result[] => [
    fromRounds({ name: LOG_KEYED, unit: 'events/s', subject: CORDON }, [rate]),
  ];
  const name = 'events accepted by the log, known again by a key';
  assert.equal(verdictOf(accepted(5000), name)?.met, true);
  const missed = verdictOf(accepted(4000), name);
  assert.equal(missed?.met, false);
  assert.equal(missed.missedByPercent, 20);
  assert.equal(missed.budget, '≥ 5000 events/s');
});

test('a ratio is that of two subjects of one run, and is not judged where one was not measured', () => {
  const name = 'throughput over the undici proxy';
  assert.equal(verdictOf([throughput(CORDON, 75), throughput(UNDICI_PROXY, 100)], name)?.met, true);
  assert.equal(verdictOf([throughput(CORDON, 74), throughput(UNDICI_PROXY, 100)], name)?.met, false);
  assert.equal(verdictOf([throughput(CORDON, 75)], name)?.met, null);
});
