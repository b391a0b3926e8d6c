import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CordonError, LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});
after(() => control.close());

async function explain(
  body: object,
  app = 'shop',
): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${control.url}/v1/apps/${app}/authz/explain`, {
    method: 'POST',
    headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

test('a described request is explained, with what was left out filled in', async () => {
  const { status, answer } = await explain({
    path: '/orders/17',
    subject: 'ana',
    claims: { level: 3, roles: ['a'] },
  });
  assert.equal(status, 200);
  assert.deepEqual(answer['decision'], { outcome: 'allow', policies: ['own'], reason: 'policy', errors: [] });
  assert.deepEqual(control.explained.at(-1), {
    app: 'shop',
    request: {
      method: 'GET',
      path: '/orders/17',
      host: null,
      subject: 'ana',
      claims: { level: 3, roles: ['a'] },
    },
  });
});

test('an unknown field, a path with a query and a text that is too long are refused', async () => {
  const longest = 'x'.repeat(LIMITS.policyTextBytesMax.value);
  assert.equal((await explain({ path: '/orders/17', subject: longest })).status, 200);
  const asked = control.explained.length;
  const wrong = [
    { path: '/orders/17', user: 'ana' },
    { path: '/orders/17?a=b' },
    { path: 'orders' },
    { path: '/orders/17', subject: `${longest}x` },
    { path: '/orders/17', claims: { level: 1.5 } },
    { path: '/orders/17', claims: { level: { deep: true } } },
    { path: '/orders/17', method: 'get' },
    {},
  ];
  for (const body of wrong) {
    const { status, answer } = await explain(body);
    assert.equal(status, 400, JSON.stringify(body).slice(0, 100));
    assert.equal((answer['error'] as { code: string }).code, 'CORDON_INPUT_INVALID');
  }
  assert.equal(control.explained.length, asked);
});

test('an app that is not there is refused', async () => {
  const { status, answer } = await explain({ path: '/orders/17' }, 'other');
  assert.deepEqual([status, (answer['error'] as CordonError).code], [404, 'CORDON_APP_UNKNOWN']);
});
