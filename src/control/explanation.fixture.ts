import type { PolicyExplanation } from '../policy/index.ts';

/** What the policies say to ana about order 17, or to bob. */
export function explanationOf(outcome: 'allow' | 'deny'): PolicyExplanation {
  const isAllowed = outcome === 'allow';
  const text = '@id("own")\npermit (principal, action, resource);';
  const policy = { id: 'own', effect: 'permit' as const, file: 'orders.cedar', line: 3, text };
  const reason = isAllowed ? ('policy' as const) : ('no policy' as const);
  return {
    decision: { outcome, policies: isAllowed ? ['own'] : [], reason, errors: [] },
    policies: isAllowed ? [policy] : [],
    evaluated: 2,
    principal: 'User::"jwt:customers/ana"',
    action: 'Action::"GET /orders/:id"',
    resource: 'Order::"17"',
    context: { method: 'GET' },
    entities: [{ uid: { type: 'Order', id: '17' }, attrs: { owner: 'ana' }, parents: [] }],
  };
}
