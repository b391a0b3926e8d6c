import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CordonError } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { compilePolicies, type PolicySets } from './index.ts';
import { judge, policy, textOf, world, type OraclePolicy, type World } from './oracle.fixture.ts';
import { manifestOf, requestOf, userOf } from './policy.fixture.ts';
import { validatePolicies } from './validate.ts';

function decided(manifest: Manifest, sets: PolicySets, w: World) {
  const present = (values: object): Record<string, never> =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Record<string, never>;
  const claims = present({ level: w.level, team: w.team });
  const { outcome, reason, policies } = sets.decide(
    requestOf(manifest, {
      method: w.method,
      params: { id: w.order },
      caller: userOf(w.subject, { scopes: w.scopes, claims }),
      secure: w.secure,
      resource: present({ owner: w.owner, amount: w.amount }),
    }),
  );
  return { outcome, reason, policies };
}

/** Null where the engine refuses a policy as impossible, which a random one can be. */
function compile(manifest: Manifest): PolicySets | null {
  try {
    validatePolicies(manifest);
    return compilePolicies(manifest);
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError && thrown.message.includes('impossible'), String(thrown));
    return null;
  }
}

test('the decision is that of a second, obvious evaluator', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 1, maxLength: 6 }),
      fc.array(world, { minLength: 8, maxLength: 8 }),
      (random, worlds) => {
        const policies = new Map(random.map((one, index): [string, OraclePolicy] => [`p${index}`, one]));
        const manifest = manifestOf([...policies].map(([id, one]) => textOf(one, id)).join('\n'));
        const sets = compile(manifest);
        fc.pre(sets !== null);
        for (const w of worlds) {
          const expected = judge(policies, w);
          assert.deepEqual(decided(manifest, sets, w), expected);
          const outcome = `${expected.outcome}, ${expected.reason}`;
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
        }
        sets.close();
      },
    ),
    { numRuns: 60 },
  );
  const all = ['allow, policy', 'deny, evaluation error', 'deny, no policy', 'deny, policy'];
  assert.deepEqual([...seen.keys()].toSorted(), all);
});

test('what a caller sends is never text of a policy, and never another entity', (t) => {
  const manifest = manifestOf(`@id("ana") permit (principal == User::"jwt:customers/ana", action, resource);
    @id("own") permit (principal, action, resource) when { resource has owner && resource.owner == principal.subject };
    @id("17") permit (principal, action == Action::"PUT /orders/:id", resource == Order::"17");
    @id("18") permit (principal, action == Action::"DELETE /orders/:id", resource)
      when { context.params.id == "18" };`);
  const sets = compilePolicies(manifest);
  t.after(() => sets.close());
  const hostile = fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '"),',
    '::"',
    '\0',
    '\n',
    '/',
    '//',
    'ana',
    '17',
    '18',
    'é',
    '\u202e',
    '\\u{61}',
    '{',
    '__entity',
    'jwt:customers/',
  );
  const text = fc.oneof(
    fc.string({ unit: hostile, maxLength: 5 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  fc.assert(
    fc.property(text, text, text, fc.constantFrom('GET', 'PUT', 'DELETE'), (subject, owner, id, method) => {
      const { outcome, policies, reason } = sets.decide(
        requestOf(manifest, { method, params: { id }, caller: userOf(subject), resource: { owner } }),
      );
      if (reason === 'evaluation error') {
        assert.ok(id === '' || /[\0/]/.test(id) || ![id, subject, owner].every((one) => one.isWellFormed()));
        return;
      }
      const expected = [
        ...(method === 'PUT' && id === '17' ? ['17'] : []),
        ...(method === 'DELETE' && id === '18' ? ['18'] : []),
        ...(subject === 'ana' ? ['ana'] : []),
        ...(owner === subject ? ['own'] : []),
      ];
      assert.deepEqual(policies, expected);
      assert.equal(outcome, expected.length > 0 ? 'allow' : 'deny');
    }),
    { numRuns: 300 },
  );
});

test('values in the form of an entity, or of an extension, are not read as one', (t) => {
  const manifest = manifestOf(`permit (principal, action, resource)
    when { resource has owner && resource.owner == "ana" || resource has tags && resource.tags.contains("ana") };`);
  const sets = compilePolicies(manifest);
  t.after(() => sets.close());
  const forms = [
    { __entity: { type: 'User', id: 'ana' } },
    { __extn: { fn: 'ip', arg: '127.0.0.1' } },
    { __expr: '"ana"' },
  ];
  for (const form of forms) {
    const asText = sets.decide(requestOf(manifest, { resource: { owner: form } }));
    const inList = sets.decide(requestOf(manifest, { resource: { tags: [form] } }));
    assert.deepEqual([asText.reason, inList.reason], ['evaluation error', 'evaluation error']);
    assert.deepEqual([asText.outcome, inList.outcome], ['deny', 'deny']);
  }
  assert.equal(sets.decide(requestOf(manifest, { resource: { tags: ['ana'] } })).outcome, 'allow');
});
