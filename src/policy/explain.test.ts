import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies, explainRequest, type DescribedRequest } from './index.ts';
import { FILE, manifestOf, ORDERS_ROUTE } from './policy.fixture.ts';

const TEXT = `@id("own") permit (principal, action, resource)
when { resource has owner && resource.owner == principal.subject };

forbid (principal, action, resource) when { principal has level && principal.level + 9223372036854775807 < 0 };`;

function explain(described: Partial<DescribedRequest>, routes: readonly object[] = [ORDERS_ROUTE]) {
  const manifest = manifestOf(TEXT, routes);
  const policies = compilePolicies(manifest);
  const route = manifest.functions[0]?.routes[0];
  assert.ok(route !== undefined);
  return explainRequest({
    policies,
    manifest,
    route,
    params: { id: '17' },
    path: '/orders/17',
    described: { method: 'GET', ...described },
    lookup: async (store, key) => {
      if (key === 'order/17') return { owner: 'ana', store };
      throw new Error('no disk');
    },
    now: 1_700_000_000_000,
  }).finally(() => policies.close());
}

test('an explanation shows the policies that decided, with their place, and what they saw', async () => {
  assert.deepEqual(await explain({ subject: 'ana', scopes: ['all'] }), {
    decision: { outcome: 'allow', policies: ['own'], reason: 'policy', errors: [] },
    policies: [
      {
        id: 'own',
        effect: 'permit',
        file: FILE,
        line: 1,
        text: TEXT.split('\n\n', 1)[0],
      },
    ],
    evaluated: 2,
    principal: 'User::"jwt:customers/ana"',
    action: 'Action::"GET /orders/:id"',
    resource: 'Order::"17"',
    context: {},
    entities: [
      { uid: { type: 'User', id: 'jwt:customers/ana' }, attrs: { subject: 'ana' }, parents: [] },
      { uid: { type: 'Order', id: '17' }, attrs: { owner: 'ana' }, parents: [] },
    ],
  });
});

test('an explanation shows the policy that could not be evaluated', async () => {
  const { decision, policies } = await explain({ subject: 'ana', claims: { level: '1' } });
  assert.deepEqual([decision.outcome, decision.reason], ['deny', 'evaluation error']);
  assert.deepEqual(
    policies.map(({ id, line, effect }) => [id, line, effect]),
    [[`${FILE}:4`, 4, 'forbid']],
  );
  assert.match(decision.errors[0] ?? '', /overflow/);
});

test('attributes that are described take the place of those that are stored', async () => {
  const described = { subject: 'bob', auth: 'jwt:customers' };
  assert.equal((await explain(described)).decision.outcome, 'deny');
  assert.equal((await explain({ ...described, resource: { owner: 'bob' } })).decision.outcome, 'allow');
});

test('what is not known of a request is an error of who asks, and no decision', async () => {
  const refused = async (described: Partial<DescribedRequest>, message: RegExp, routes?: readonly object[]) =>
    assert.rejects(explain(described, routes), { code: 'CORDON_INPUT_INVALID', message });
  await refused({ auth: 'jwt:staff' }, /by jwt:staff: it asks for jwt:customers/);
  await refused({ claims: { groups: 'a' } }, /No policy sees the claim groups/);
  await refused({}, /has no policies/, [{ path: '/free', auth: 'public' }, ORDERS_ROUTE]);
});

test('claims that are described as text have the type that the manifest declares', async () => {
  const { entities } = await explain({ subject: 'ana', claims: { level: '-7' } });
  assert.deepEqual((entities[0] as { attrs: object }).attrs, { subject: 'ana', level: -7 });
  const wrong = await explain({ subject: 'ana', claims: { level: 'high' } });
  assert.deepEqual(wrong.decision.errors, ['the claim level is not a whole number of at most 2^53 - 1']);
});
