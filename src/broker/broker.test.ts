import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTEXT, callOf } from '../capability/capability.fixture.ts';
import { recordingEvidence } from '../capability/fetch/fetch.fixture.ts';
import { createFetchCapability, createRedactor } from '../capability/index.ts';
import type { CallerContext, Capability } from '../capability/index.ts';
import { LIMITS } from '../contract/index.ts';
import type { CallFailure, CallHandler, GuestCall } from '../instance/index.ts';
import { NO_GRANTS } from '../manifest/index.ts';
import { Broker, Meter } from './index.ts';

const SECRET = 'sk-live/4242';
const SERVED: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };

/** Allows `get` and nothing else, and breaks when it serves the binding BROKEN. */
const kv: Capability = {
  name: 'kv',
  decide: (_context, { binding, operation }) => ({
    outcome: operation === 'get' ? 'allow' : 'deny',
    resource: `kv:${binding}`,
    rule: `grants.kv.${binding} is missing`,
    hint: `grants.kv.${binding}: {}`,
  }),
  serve(_context, { binding }) {
    if (binding === 'BROKEN') throw new Error('a secret of the host');
    return SERVED;
  },
};

function open(capabilities: readonly Capability[] = [kv], context: CallerContext = { ...CONTEXT }) {
  const { recorded, ...evidence } = recordingEvidence();
  const meter = new Meter();
  const opener = new Broker({ capabilities, evidence, meter }).opener(context, createRedactor([SECRET]));
  const ask = (call: GuestCall): CallFailure | null => {
    let failure: CallFailure | null = null;
    const fail = (given: CallFailure): void => void (failure = given);
    opener(call, { head() {}, write: () => true, end() {}, fail, consumed() {} });
    return failure;
  };
  return { ask, recorded, meter };
}

test('a call that is refused is told with the line that would allow it, counted and recorded', () => {
  const { ask, recorded, meter } = open();
  assert.equal(ask(callOf('kv', 'KV', 'get', null)), null);
  assert.deepEqual(ask(callOf('kv', 'KV', 'put', null)), {
    code: 'CORDON_GRANT_MISSING',
    message:
      'app/f may not kv put on kv:KV: grants.kv.KV is missing. Allow it in cordon.jsonc with functions.f.grants.kv.KV: {}',
  });
  assert.deepEqual(
    recorded.map(({ reason, detail }) => [reason, detail]),
    [['grants.kv.KV is missing', { capability: 'kv', binding: 'KV', operation: 'put', resource: 'kv:KV' }]],
  );
  assert.deepEqual(
    meter.observed('app').map(({ operation, outcome, count }) => [operation, outcome, count]),
    [
      ['get', 'allow', 1],
      ['put', 'deny', 1],
    ],
  );
});

test('a capability that does not exist, or breaks, says no more than that', () => {
  const { ask, recorded } = open();
  assert.equal(ask(callOf('nothing', 'KV', 'get', null))?.code, 'CORDON_GRANT_MISSING');
  assert.equal(recorded[0]?.reason, 'capability.unknown');
  const broken = ask(callOf('kv', 'BROKEN', 'get', null));
  assert.equal(broken?.code, 'CORDON_INTERNAL');
  assert.match(broken.message, /^The call failed inside Cordon \(evt_\w+\)\.$/);
});

test('names that a guest chooses are recorded without its secrets and without controls', () => {
  const { ask, recorded } = open();
  ask(callOf('kv', `${SECRET}\u001b[2J`, `put ${SECRET}`, null));
  assert.deepEqual(recorded[0]?.detail, {
    capability: 'kv',
    binding: '[redacted]\\x1b[2J',
    operation: 'put [redacted]',
    resource: 'kv:[redacted]\\x1b[2J',
  });
});

test('denials are recorded up to their limit for each instance', () => {
  const { ask, recorded } = open();
  for (let index = 0; index <= LIMITS.denialEventsPerInstanceMax.value; index += 1)
    assert.notEqual(ask(callOf('kv', `B${index}`, 'put', null)), null);
  assert.equal(recorded.length, LIMITS.denialEventsPerInstanceMax.value);
});

test('requests to the outside are counted by method and origin', async () => {
  const { recorded: _, ...evidence } = recordingEvidence();
  const fetch = createFetchCapability({ evidence, secrets: { get: () => Promise.resolve(null) } });
  const grants = { ...NO_GRANTS, fetch: [{ to: 'https://api.example.com/*' }] };
  const judged: Capability = {
    name: 'fetch',
    decide: (...given) => fetch.decide(...given),
    serve: () => SERVED,
  };
  const { ask, meter } = open([judged], { ...CONTEXT, grants });
  const request = {
    url: 'https://api.example.com/v1/x',
    headers: [],
    redirect: 'follow',
    body: false,
    decode: true,
  };
  for (const method of ['GET', 'HEAD', 'POST']) ask(callOf('fetch', '', 'fetch', { ...request, method }));
  assert.deepEqual(
    meter.observed('app').map(({ operation, resource, outcome }) => [operation, resource, outcome]),
    [
      ['GET', 'fetch:https://api.example.com', 'allow'],
      ['HEAD', 'fetch:https://api.example.com', 'allow'],
      ['POST', 'fetch:https://api.example.com', 'deny'],
    ],
  );
  await fetch.close();
});
