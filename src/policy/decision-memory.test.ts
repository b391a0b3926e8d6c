import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { DecisionMemory } from './decision-memory.ts';
import { denied } from './decide.ts';
import { compilePolicies } from './index.ts';
import { NO_GRANTS, NO_AUTH, ROUTE_DEFAULTS, type Manifest, type RouteSpec } from '../manifest/index.ts';
import type { PolicyRequest } from './port.ts';

const route: RouteSpec = {
  ...ROUTE_DEFAULTS,
  path: '/notes/:id',
  methods: ['GET'],
  auth: 'public',
  allow: {
    policies: 'p.cedar',
    resource: { type: 'Note', id: '{params.id}', attributes: { open: 'boolean' }, from: null },
  },
};

function manifestWith(text: string): Manifest {
  const limits = {
    timeMs: 1000,
    memoryBytes: 1,
    concurrency: 1,
    instances: 1,
    bodyBytes: 1,
    responseBytes: 1,
  };
  const fn = {
    name: 'main',
    entry: 'main.ts',
    routes: [route],
    sources: [],
    vars: {},
    grants: NO_GRANTS,
    limits,
  };
  return { name: 'app', hosts: [], auth: NO_AUTH, functions: [fn], files: { 'p.cedar': text } };
}

function requestFor(id: string, open: boolean, now = 0): PolicyRequest {
  return {
    route,
    method: 'GET',
    params: { id },
    path: `/notes/${id}`,
    caller: { kind: 'anonymous' },
    address: '127.0.0.1',
    secure: true,
    now,
    resource: { open },
  };
}

test('a remembered decision is that of the same data alone', () => {
  const policies = compilePolicies(
    manifestWith('permit (principal, action, resource is Note) when { resource has open && resource.open };'),
  );
  for (let round = 0; round < 2; round += 1) {
    assert.equal(policies.decide(requestFor('a', true)).outcome, 'allow');
    assert.equal(policies.decide(requestFor('a', false)).outcome, 'deny');
    assert.equal(policies.decide(requestFor('b', true)).outcome, 'allow');
    assert.equal(policies.decide({ ...requestFor('a', true), resource: null }).outcome, 'deny');
  }
  policies.close();
  assert.equal(policies.decide(requestFor('a', true)).outcome, 'deny', 'nothing outlives the policies');
});

test('a policy that reads the time is asked again when it is another', () => {
  const policies = compilePolicies(
    manifestWith('permit (principal, action, resource) when { context.time < 100 };'),
  );
  assert.equal(policies.decide(requestFor('a', true, 99_000)).outcome, 'allow');
  assert.equal(policies.decide(requestFor('a', true, 100_000)).outcome, 'deny');
  policies.close();
});

test('decisions are forgotten past their number, the least recently used first, and long keys are not kept', () => {
  const memory = new DecisionMemory(2);
  const decision = denied('no policy');
  memory.keep('a', decision);
  memory.keep('b', decision);
  assert.equal(memory.get('a'), decision);
  memory.keep('c', decision);
  assert.deepEqual([memory.get('a'), memory.get('b'), memory.get('c')], [decision, undefined, decision]);
  const longest = 'x'.repeat(LIMITS.policyDecisionKeyCharsMax.value);
  memory.keep(longest, decision);
  assert.equal(memory.get(longest), decision);
  memory.keep(`${longest}x`, decision);
  assert.equal(memory.get(`${longest}x`), undefined);
  assert.equal(memory.size, 2);
});
