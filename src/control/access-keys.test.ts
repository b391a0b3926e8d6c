import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});

after(() => control.close());

const wanted = { name: 'camera', buckets: ['photos'], prefix: 'in/', can: ['put'] };
const upload = { bucket: 'photos', key: 'in/cat.png', method: 'PUT', expiresMs: 900_000 };
const form = { bucket: 'photos', key: 'in/', isPrefix: true, fileBytesMax: 1000, expiresMs: 900_000 };

interface Made {
  readonly id: string;
  readonly secret: string;
  readonly createdAt: number;
}

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

async function make(more: object = {}): Promise<Made> {
  const made = await send('POST', '/v1/access-keys', { ...wanted, ...more });
  assert.equal(made.status, 201, made.text);
  return JSON.parse(made.text) as Made;
}

test('an access key is made and shown once, listed without its secret, and revoked', async () => {
  const { id, secret, ...info } = await make();
  assert.match(id, /^CORDON[A-Z2-7]{14}$/);
  assert.match(secret, /^[A-Za-z0-9+/]{40}$/);
  assert.deepEqual(info, { ...wanted, createdAt: info.createdAt, expiresAt: null, usedAt: null });
  assert.equal((await control.accessKeys.find(id))?.secret.reveal(), secret);
  const listed = await send('GET', '/v1/access-keys');
  assert.match(listed.text, new RegExp(id));
  assert.ok(!listed.text.includes(secret));
  assert.equal((await send('DELETE', `/v1/access-keys/${id}`)).status, 200);
  assert.equal(await control.accessKeys.find(id), null);
  const again = await send('DELETE', `/v1/access-keys/${id}`);
  assert.equal(again.status, 404);
  assert.match(again.text, /CORDON_ACCESS_KEY_UNKNOWN/);
  assert.equal((await send('GET', '/v1/access-keys')).text, '{"keys":[]}');
  assert.ok(!JSON.stringify(control.evidence.recorded).includes(secret));
});

test('a key that is for nothing, or for everything, is refused', async () => {
  const refused = [
    { buckets: [] },
    { buckets: ['*'] },
    { buckets: ['Photos'] },
    { can: [] },
    { can: ['everything'] },
    { name: '' },
    { name: 'a\nb' },
    { expiresAt: 1 },
    { prefix: 'x'.repeat(LIMITS.bucketKeyBytesMax.value + 1) },
    { extra: 1 },
  ];
  for (const more of refused) {
    const answer = await send('POST', '/v1/access-keys', { ...wanted, ...more });
    assert.equal(answer.status, 400, JSON.stringify(more));
  }
  assert.equal((await send('GET', '/v1/access-keys')).text, '{"keys":[]}');
});

test('a URL is signed with the only key that may do this, and not beyond what it may', async () => {
  const refused = await send('POST', '/v1/presigned-urls', upload);
  assert.match(refused.text, /CORDON_ACCESS_KEY_INVALID.*no access key that may put photos\/in\/cat\.png/);
  const { id } = await make();
  const signed = JSON.parse((await send('POST', '/v1/presigned-urls', upload)).text) as {
    readonly url: string;
    readonly accessKey: string;
  };
  assert.equal(signed.accessKey, id);
  assert.match(
    signed.url,
    new RegExp(`^http://127.0.0.1:8082/photos/in/cat.png\\?.*X-Amz-Credential=${id}%2F`),
  );
  for (const more of [
    { method: 'GET' },
    { method: 'DELETE' },
    { bucket: 'private' },
    { key: 'out/cat.png' },
    { accessKey: 'CORDON00000000000000' },
  ]) {
    const answer = await send('POST', '/v1/presigned-urls', { ...upload, ...more });
    assert.match(answer.text, /CORDON_ACCESS_KEY_INVALID/, JSON.stringify(more));
  }
  const other = await make({ name: 'other' });
  const ambiguous = await send('POST', '/v1/presigned-urls', upload);
  assert.match(ambiguous.text, /CORDON_ACCESS_KEY_INVALID.*more than one/);
  const named = await send('POST', '/v1/presigned-urls', { ...upload, accessKey: other.id });
  assert.match(named.text, new RegExp(other.id));
  for (const key of [id, other.id]) await send('DELETE', `/v1/access-keys/${key}`);
});

test('what is signed ends with its key, and after a week at the latest', async () => {
  const expiresAt = Date.now() + 60_000;
  const { id } = await make({ expiresAt });
  const signed = JSON.parse((await send('POST', '/v1/presigned-urls', upload)).text) as { expiresAt: number };
  assert.equal(signed.expiresAt, expiresAt);
  await send('DELETE', `/v1/access-keys/${id}`);
  const lasting = await make();
  const most = LIMITS.s3PresignedMsMax.value;
  assert.equal((await send('POST', '/v1/presigned-urls', { ...upload, expiresMs: most })).status, 200);
  assert.equal((await send('POST', '/v1/presigned-urls', { ...upload, expiresMs: most + 1 })).status, 400);
  await send('DELETE', `/v1/access-keys/${lasting.id}`);
});

test('a form is signed for the keys below a prefix', async () => {
  const { id } = await make();
  const wish = { ...form, contentType: 'image/*', endpoint: 'https://files.example.org' };
  const signed = JSON.parse((await send('POST', '/v1/post-forms', wish)).text) as {
    readonly url: string;
    readonly fields: readonly { readonly name: string; readonly value: string }[];
  };
  assert.equal(signed.url, 'https://files.example.org/photos');
  const names = signed.fields.map(({ name }) => name);
  assert.deepEqual(names, [
    ...['key', 'x-amz-algorithm', 'x-amz-credential', 'x-amz-date', 'policy', 'x-amz-signature'],
  ]);
  assert.equal(signed.fields[0]?.value, 'in/${filename}');
  const wider = await send('POST', '/v1/post-forms', { ...form, key: '' });
  assert.match(wider.text, /CORDON_ACCESS_KEY_INVALID/);
  await send('DELETE', `/v1/access-keys/${id}`);
});
