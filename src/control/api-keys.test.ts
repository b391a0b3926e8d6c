import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { NO_AUTH } from '../manifest/index.ts';
import { deploymentOf, idOf, startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
  const deployment = deploymentOf('shop', idOf('dddddddddddd'));
  const auth = { ...NO_AUTH, apiKey: { partners: { scopes: ['read', 'write'] } } };
  control.catalogue.add({ ...deployment, manifest: { ...deployment.manifest, auth } }, null);
});

after(() => control.close());

const wanted = { app: 'shop', auth: 'partners', name: 'of Ada', scopes: ['read'] };

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

test('an API key is made and shown once, listed without its text, and revoked', async () => {
  const made = await send('POST', '/v1/api-keys', wanted);
  assert.equal(made.status, 201);
  const { id, key, ...info } = JSON.parse(made.text) as { id: string; key: string; createdAt: number };
  assert.match(key, new RegExp(`^cordon_${id}_[0-9A-Za-z]{49}$`));
  assert.deepEqual(info, { ...wanted, createdAt: info.createdAt, expiresAt: null, usedAt: null });
  const realm = { project: 'default', app: 'shop', authenticator: 'partners' };
  assert.equal(typeof control.apiKeys.verify(key, realm), 'object');
  for (const query of ['', '?app=shop']) {
    const { text } = await send('GET', `/v1/api-keys${query}`);
    assert.equal((JSON.parse(text) as { keys: unknown[] }).keys.length, 1);
    assert.doesNotMatch(text, /cordon_/);
  }
  assert.equal((await send('GET', '/v1/api-keys?app=other')).text, '{"keys":[]}');
  const revoked = await send('DELETE', `/v1/api-keys/${id}`);
  assert.equal(revoked.status, 200);
  assert.equal(control.apiKeys.verify(key, realm), 'there is no such key');
  const again = await send('DELETE', `/v1/api-keys/${id}`);
  assert.equal(again.status, 404);
  assert.match(again.text, /CORDON_API_KEY_UNKNOWN/);
  assert.equal((await send('GET', '/v1/api-keys')).text, '{"keys":[]}');
  assert.doesNotMatch(JSON.stringify(control.evidence.recorded), new RegExp(key));
});

test('a key for what the live manifest does not name is refused', async () => {
  const refused: readonly (readonly [object, number, RegExp])[] = [
    [{ app: 'nope' }, 404, /CORDON_APP_UNKNOWN/],
    [{ auth: 'staff' }, 400, /CORDON_API_KEY_INVALID.*it has partners/],
    [{ auth: 'constructor' }, 400, /CORDON_API_KEY_INVALID/],
    [{ scopes: ['admin'] }, 400, /CORDON_API_KEY_INVALID.*does not list the scope/],
    [{ scopes: ['read', 'Read'] }, 400, /CORDON_API_KEY_INVALID/],
    [{ expiresAt: 1 }, 400, /CORDON_API_KEY_INVALID.*expired already/],
    [{ name: '' }, 400, /CORDON_INPUT_INVALID/],
    [{ name: 'a\nb' }, 400, /CORDON_API_KEY_INVALID/],
    [{ name: 'a'.repeat(LIMITS.apiKeyNameBytesMax.value + 1) }, 400, /CORDON_INPUT_INVALID/],
    [{ expiresAt: 'soon' }, 400, /CORDON_INPUT_INVALID/],
    [{ project: 'other' }, 400, /CORDON_INPUT_INVALID/],
  ];
  for (const [more, status, text] of refused) {
    const answer = await send('POST', '/v1/api-keys', { ...wanted, ...more });
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.text, text);
  }
  for (const id of ['..', 'ABCDEFGH', '0000000', '000000000'])
    assert.notEqual((await send('DELETE', `/v1/api-keys/${id}`)).status, 200);
  assert.equal((await send('GET', '/v1/api-keys')).text, '{"keys":[]}');
});

test('the API keys are for holders of a control token', async () => {
  for (const [method, path] of [
    ['GET', '/v1/api-keys'],
    ['POST', '/v1/api-keys'],
    ['DELETE', '/v1/api-keys/00000000'],
  ] as const) {
    const response = await fetch(control.url + path, { method });
    assert.equal(response.status, 401);
    await response.arrayBuffer();
  }
});
