import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GuestCall } from '../../instance/index.ts';
import { NO_GRANTS } from '../../manifest/index.ts';
import { recordingEvidence } from '../fetch/fetch.fixture.ts';
import type { CallerContext } from '../port.ts';
import { SecretHandles, createSecretCapability, secretVariables } from './index.ts';

const context: CallerContext = {
  project: 'default',
  app: 'app',
  function: 'code',
  deployment: 'd'.repeat(64),
  instance: 'ins_1',
  grants: {
    ...NO_GRANTS,
    secret: { OPEN: { secret: 'TOKEN', reveal: true }, CLOSED: { secret: 'TOKEN' } },
  },
};
const secrets = { get: (_: string, name: string) => Promise.resolve(name === 'TOKEN' ? 'the value' : null) };
const capability = createSecretCapability({ secrets, evidence: recordingEvidence() });

function callFor(binding: string, operation = 'reveal'): GuestCall {
  return { capability: 'secret', binding, operation, args: null, request: null, hops: 0 };
}

describe('the secret capability', () => {
  it('reveals a value only where the grant says so', async () => {
    assert.equal(capability.decide(context, callFor('OPEN')).outcome, 'allow');
    const closed = capability.decide(context, callFor('CLOSED'));
    assert.deepEqual([closed.outcome, closed.rule], ['deny', 'secret.reveal']);
    assert.match(closed.hint, /"reveal":true/);
    for (const binding of ['OTHER', '__proto__', 'constructor'])
      assert.equal(capability.decide(context, callFor(binding)).rule, 'grant.missing');
    assert.equal(capability.decide(context, callFor('OPEN', 'list')).rule, 'operation.unknown');
    const value = await new Promise((resolve) => {
      capability.serve(context, callFor('OPEN'), {
        head: resolve,
        write: () => true,
        end: () => undefined,
        fail: resolve,
        consumed: () => undefined,
      });
    });
    assert.equal(value, 'the value');
  });

  it('gives code a handle that is its own, unless the value is revealed', async () => {
    const handles = new SecretHandles();
    const variables = await secretVariables(context, context.grants, handles, secrets);
    assert.equal(variables['OPEN'], 'the value');
    const handle = variables['CLOSED'] ?? '';
    assert.match(handle, /^cordon-secret:TOKEN:[\w-]{22}$/);
    assert.equal(
      handles.replace(`Bearer ${handle}`, context, () => 'v'),
      'Bearer v',
    );
    for (const stranger of [
      { ...context, function: 'other' },
      { ...context, app: 'b' },
      { ...context, project: 'c' },
    ])
      assert.equal(
        handles.replace(handle, stranger, () => 'v'),
        handle,
      );
    assert.equal(
      new SecretHandles().replace(handle, context, () => 'v'),
      handle,
    );
  });
});
