import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});

after(() => control.close());

async function send(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const response = await fetch(control.url + path, {
    method,
    headers: {
      authorization: `Bearer ${control.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

test('a secret goes in and its value never comes out', async () => {
  const value = 'sk_live_VALUE';
  const answers = [
    await send('PUT', '/v1/secrets/API_KEY', { value }),
    await send('GET', '/v1/secrets'),
    await send('PUT', '/v1/secrets/API_KEY', { value, extra: value }),
    await send('PUT', `/v1/secrets/API_KEY`, { value: [value] }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 400, 400],
  );
  assert.match(answers[1]?.text ?? '', /"name":"API_KEY","createdAt":\d+,"updatedAt":\d+/);
  for (const { text } of answers) assert.doesNotMatch(text, /VALUE/);
  assert.doesNotMatch(JSON.stringify(control.evidence.recorded), /VALUE/);
  assert.equal(await control.secrets.get('default', 'API_KEY'), value);
  assert.equal((await send('DELETE', '/v1/secrets/API_KEY')).status, 200);
  assert.equal(await control.secrets.get('default', 'API_KEY'), null);
  const again = await send('DELETE', '/v1/secrets/API_KEY');
  assert.equal(again.status, 404);
  assert.match(again.text, /CORDON_SECRET_UNKNOWN/);
});

test('values at the limit are taken, and those past it and names that no grant has are refused', async () => {
  const most = LIMITS.secretValueBytesMax.value;
  assert.equal((await send('PUT', '/v1/secrets/BIG', { value: 'x'.repeat(most) })).status, 200);
  assert.equal((await send('PUT', '/v1/secrets/BIG', { value: 'x'.repeat(most + 1) })).status, 400);
  assert.equal((await send('PUT', '/v1/secrets/BIG', { value: '' })).status, 400);
  assert.equal((await send('PUT', '/v1/secrets/small', { value: 'x' })).status, 400);
});

test('what an app was seen to use is listed, and no other app’s', async () => {
  const use = { capability: 'kv', binding: 'ORDERS', operation: 'get', resource: 'kv:orders', count: 3 };
  control.observed.push({ app: 'shop', function: 'main', outcome: 'allow', ...use });
  control.observed.push({ app: 'other', function: 'main', outcome: 'deny', ...use });
  const { text } = await send('GET', '/v1/apps/shop/uses');
  assert.deepEqual(JSON.parse(text), { uses: [{ function: 'main', outcome: 'allow', ...use }] });
  assert.match((await send('GET', '/v1/apps/nobody/uses')).text, /CORDON_APP_UNKNOWN/);
});

test('the data key is rotated in the background', async () => {
  await send('PUT', '/v1/secrets/ROTATED', { value: 'v' });
  const started = await send('POST', '/v1/keys/rotate', {});
  assert.equal(started.status, 202);
  let view: { state: string };
  do view = JSON.parse((await send('GET', '/v1/keys/rotation')).text) as { state: string };
  while (view.state === 'running');
  assert.equal(view.state, 'done');
  assert.match((await send('POST', '/v1/keys/rotate', { kind: 'master' })).text, /CORDON_KEY_INVALID/);
});
