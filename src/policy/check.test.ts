import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicies } from './index.ts';
import { manifestOf, refusalOf } from './policy.fixture.ts';

test('a check in a process of its own finds what a check in this one finds', async () => {
  const wrong = manifestOf('permit (principal, action, resource) when { principal.nope };');
  const { error } = refusalOf(wrong);
  const refused = { code: 'CORDON_POLICY_INVALID', message: error.message, details: error.details };
  await assert.rejects(checkPolicies(wrong), refused);
  assert.match((await checkPolicies(manifestOf('// nothing yet'))).join(), /holds no policy/);
  assert.deepEqual(await checkPolicies(manifestOf('', [{ path: '/orders', auth: 'public' }])), []);
});

test('a check that takes too long is ended, and refused', async () => {
  const late = { code: 'CORDON_POLICY_INVALID', message: /could not be validated within 1 ms/ };
  await assert.rejects(checkPolicies(manifestOf('// nothing yet'), { timeoutMs: 1 }), late);
});
