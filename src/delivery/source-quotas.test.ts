import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceTable } from '../events/index.ts';
import { FakeTime, deploymentOf, queueSource } from './delivery.fixture.ts';
import { SourceQuotas } from './index.ts';

function openQuotas(count: number, burst: number, entriesMax = 1024) {
  const quota = { count, periodMs: 60_000, per: 'project' as const, burst };
  const names = Array.from({ length: 50 }, (_, i) => `q${i}`);
  const limited = names.map((name) => queueSource(name, { quota }));
  const { manifest } = deploymentOf([{ name: 'f', sources: [...limited, queueSource('free')] }]);
  const sources = SourceTable.of([manifest]);
  const time = new FakeTime();
  return { time, quotas: new SourceQuotas({ sources: () => sources, clock: time, entriesMax }) };
}

test('a source has its quota and not one event more, and gets it back with time', async () => {
  const { quotas, time } = openQuotas(60, 10);
  assert.equal(quotas.take('queue:q0', 9), null);
  assert.equal(quotas.take('queue:q0', 1), null);
  const wait = quotas.take('queue:q0', 1);
  assert.ok(wait !== null && wait > 990 && wait <= 1000);
  assert.equal(quotas.take('queue:q1', 10), null, 'another lane has its own');
  await time.pass(1000);
  assert.equal(quotas.take('queue:q0', 1), null);
});

test('events are taken all or none, and more than ever fit never do', () => {
  const { quotas } = openQuotas(60, 10);
  const wait = quotas.take('queue:q0', 11);
  assert.equal(wait, Number.POSITIVE_INFINITY);
  assert.equal(quotas.take('queue:q0', 10), null);
});

test('a source without a quota, and a lane that nobody takes, are not counted', () => {
  const { quotas } = openQuotas(1, 1);
  for (let i = 0; i < 100; i++) {
    assert.equal(quotas.take('queue:free', 1000), null);
    assert.equal(quotas.take('queue:nobody', 1000), null);
  }
});

test('more lanes than are remembered never give more than their quotas', () => {
  const { quotas } = openQuotas(1, 1, 16);
  let taken = 0;
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 50; i++) if (quotas.take(`queue:q${i}`, 1) === null) taken += 1;
  assert.ok(taken >= 16 && taken <= 50);
});
