import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { MemoryCounters, ValkeyCounters } from '../rate/index.ts';
import { Closers } from './closers.ts';
import { openCounters } from './open-counters.ts';

function recorder(): { evidence: Evidence; kinds: string[] } {
  const kinds: string[] = [];
  const evidence = {
    record: ({ kind, reason }: { kind: string; reason: string }) => kinds.push(`${kind} ${reason}`),
  } as unknown as Evidence;
  return { evidence, kinds };
}

test('counts in this process unless the environment names a server', async () => {
  const { evidence } = recorder();
  assert.ok((await openCounters({}, evidence, new Closers())) instanceof MemoryCounters);
});

test('a server that cannot be reached is recorded, and its URL does not stay in the environment', async () => {
  const { evidence, kinds } = recorder();
  const closers = new Closers();
  const environment = { CORDON_COUNTERS_URL: 'redis://:s3cret@127.0.0.1:1' };
  const counters = await openCounters(environment, evidence, closers);
  assert.ok(counters instanceof ValkeyCounters);
  assert.equal('CORDON_COUNTERS_URL' in environment, false);
  const [taken] = await counters.take([{ key: 'a', bucket: { count: 1, periodMs: 1000, burst: 1 } }]);
  assert.equal(taken?.allowed, true, 'each node counts by itself');
  await closers.close();
  assert.deepEqual(kinds, ['platform.degraded counters gone']);
});

test('a fallback or a URL that cannot be is refused at the start', async () => {
  const { evidence } = recorder();
  for (const environment of [
    { CORDON_COUNTERS_FALLBACK: 'open' },
    { CORDON_COUNTERS_URL: 'http://127.0.0.1' },
    { CORDON_COUNTERS_URL: 'redis://valkey.example:6379' },
  ]) {
    await assert.rejects(
      openCounters(environment, evidence, new Closers()),
      (thrown) => thrown instanceof CordonError && thrown.code === 'CORDON_COUNTERS_INVALID',
      JSON.stringify(environment),
    );
  }
});
