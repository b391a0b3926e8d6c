import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CONTEXT, callOf, noEvidence, openStored } from './capability.fixture.ts';
import type { Stored } from './capability.fixture.ts';
import { ServiceCapability } from './index.ts';
import type { Capability, Decision } from './index.ts';

let stored: Stored;
let capabilities: readonly Capability[];
before(async () => {
  stored = await openStored();
  const service = new ServiceCapability({ directory: { find: () => null }, evidence: noEvidence });
  capabilities = [...stored.storage.capabilities, service];
});
after(() => stored.close());

function decide(kind: string, binding: string, operation: string, args: unknown = {}): Decision {
  const capability = capabilities.find(({ name }) => name === kind);
  assert.ok(capability !== undefined);
  return capability.decide(CONTEXT, callOf(kind, binding, operation, args));
}

test('a grant allows its operations on its keys', () => {
  assert.deepEqual(decide('kv', 'PART', 'get', { key: 'orders/1' }), {
    outcome: 'allow',
    resource: 'kv:part',
    rule: 'grants.kv.PART',
    hint: '',
  });
  assert.equal(decide('bucket', 'BUCKET', 'delete', { keys: ['a', 'b'] }).outcome, 'allow');
  assert.equal(decide('queue', 'QUEUE', 'send').outcome, 'allow');
  assert.equal(decide('service', 'NEXT', 'fetch').outcome, 'allow');
});

test('a denial says what the manifest would have to say', () => {
  const hints = {
    'an operation more': decide('kv', 'PART', 'put', { key: 'orders/1' }).hint,
    'keys outside of the prefix': decide('kv', 'PART', 'get', { key: 'order-items/1' }).hint,
    'keys that share nothing with it': decide('kv', 'PART', 'get', { key: 'x' }).hint,
    'a grant that is not there': decide('kv', 'ORDER_ITEMS', 'list', { prefix: '' }).hint,
    'of a bucket': decide('bucket', 'PHOTOS', 'head', { key: 'k' }).hint,
    'of a queue': decide('queue', 'JOBS', 'send').hint,
    'of a service': decide('service', 'BILLING', 'fetch').hint,
  };
  assert.deepEqual(hints, {
    'an operation more': 'grants.kv.PART: {"store":"part","can":["get","put"],"prefix":"orders/"}',
    'keys outside of the prefix': 'grants.kv.PART: {"store":"part","can":["get"],"prefix":"order"}',
    'keys that share nothing with it': 'grants.kv.PART: {"store":"part","can":["get"]}',
    'a grant that is not there': 'grants.kv.ORDER_ITEMS: {"store":"order-items","can":["list"]}',
    'of a bucket': 'grants.bucket.PHOTOS: {"bucket":"photos","can":["head"]}',
    'of a queue': 'grants.queue.JOBS: {"queue":"jobs","can":["send"]}',
    'of a service': 'grants.service.BILLING: {"function":"billing"}',
  });
});

test('names that objects have by themselves are no bindings', () => {
  for (const kind of ['kv', 'bucket', 'queue', 'service']) {
    for (const binding of ['__proto__', 'constructor', 'toString', '', 'x'.repeat(1000)]) {
      const decision = decide(
        kind,
        binding,
        kind === 'queue' ? 'send' : kind === 'service' ? 'fetch' : 'get',
        { key: 'k' },
      );
      assert.equal(decision.outcome, 'deny');
      assert.equal(decision.hint, '');
      assert.ok(decision.resource.length <= 256 && decision.rule.length <= 256);
    }
  }
});

test('operations that do not exist are denied, and no manifest could allow them', () => {
  for (const [kind, binding] of [
    ['kv', 'KV'],
    ['bucket', 'BUCKET'],
    ['queue', 'QUEUE'],
    ['service', 'NEXT'],
  ] as const)
    for (const operation of ['', 'drop', '__proto__', 'x'.repeat(1000)]) {
      const decision = decide(kind, binding, operation, { key: 'k' });
      assert.equal(decision.outcome, 'deny');
      assert.equal(decision.hint, '', `${kind} ${operation}`);
      assert.ok(decision.rule.length <= 256);
    }
});
