import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { SignJWT } from 'jose';
import { errorOf, type Platform, usePlatform, writeText } from './platform.ts';

const HOOK_SECRET = Buffer.from('0123456789abcdef0123456789abcdef');
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const issuer = createServer((request, response) => {
  const url = `http://${request.headers.host ?? ''}`;
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify(
      request.url === '/keys'
        ? { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'EdDSA', use: 'sig' }] }
        : { issuer: url, jwks_uri: `${url}/keys` },
    ),
  );
});
const platform = usePlatform([], [], prepare);
let issuerUrl = '';
let partnerKey = '';

/** Deploys the example with an issuer on loopback in the place of its own. */
async function prepare(started: Platform): Promise<void> {
  issuer.listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  issuerUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const folder = join(started.home.folder, 'orders');
  await cp(join(import.meta.dirname, '../../examples/orders'), folder, { recursive: true });
  const file = join(folder, 'cordon.jsonc');
  const local = `"issuer": "${issuerUrl}", "unsafePrivate": true`;
  const manifest = await readFile(file, 'utf8');
  await writeText(file, manifest.replace('"issuer": "https://id.example.com"', local));
  await started.deploy(folder);
}

after(() => issuer.close());

function tokenFor(subject: string, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'EdDSA', kid: 'one' })
    .setIssuer(issuerUrl)
    .setAudience('orders')
    .setSubject(subject)
    .setExpirationTime('5m')
    .sign(privateKey);
}

async function call(
  method: string,
  path: string,
  token: string | null,
  body?: unknown,
  more: Record<string, string> = {},
): Promise<Response> {
  return platform().fetch(path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function orderOf(subject: string): Promise<string> {
  const made = await call('POST', '/orders', await tokenFor(subject), { item: 'book', quantity: 2 });
  assert.equal(made.status, 201, await made.clone().text());
  const { id, owner } = (await made.json()) as { id: string; owner: string };
  assert.equal(owner, subject);
  return id;
}

test('users reach what is theirs, by token, policy and what the host looks up', async () => {
  const id = await orderOf('ana');
  const own = await call('GET', `/orders/${id}`, await tokenFor('ana'));
  assert.equal(own.status, 200);
  assert.match(own.headers.get('ratelimit') ?? '', /^"subject";r=9/);
  const other = await call('GET', `/orders/${id}`, await tokenFor('bob'));
  assert.equal(other.status, 403);
  assert.equal((await errorOf(other)).code, 'CORDON_FORBIDDEN');
  const support = await tokenFor('sue', { role: 'support' });
  assert.equal((await call('GET', `/orders/${id}`, support)).status, 200);
  assert.equal((await call('PUT', `/orders/${id}`, support, { item: 'x', quantity: 1 })).status, 403);
  assert.equal((await call('GET', `/orders/${id}`, null)).status, 401);
  assert.equal((await call('GET', '/orders/none-such', await tokenFor('ana'))).status, 403);
});

test('a caller cannot say who it is by a header', async () => {
  const id = await orderOf('ana');
  const spoofed = { 'x-cordon-identity': '{"subject":"ana"}', 'X-Forwarded-User': 'ana' };
  assert.equal((await call('GET', `/orders/${id}`, await tokenFor('bob'), undefined, spoofed)).status, 403);
});

test('a body that breaks its schema, or is no strict JSON, never reaches the function', async () => {
  const token = await tokenFor('ana');
  for (const [body, keyword] of [
    [{ item: 'book', quantity: 0 }, 'minimum'],
    [{ item: 'book' }, 'required'],
    [{ item: 'book', quantity: 1, owner: 'bob' }, 'additionalProperties'],
    ['{"item":"a","item":"b","quantity":1}', 'duplicate'],
    ['{"item":"a","quantity":1,"__proto__":{}}', 'proto'],
    ['{"item":"a","quantity":1', 'syntax'],
    ['[[[', 'syntax'],
  ] as const) {
    const refused = await call('POST', '/orders', token, body);
    assert.equal(refused.status, 400, JSON.stringify(body));
    const told = JSON.stringify(await refused.json());
    assert.match(told, /CORDON_REQUEST_INVALID/);
    assert.ok(!told.includes('book'), 'what was sent is not said back');
    if (typeof body !== 'string') assert.ok(told.includes(keyword), told);
  }
  const text = await call('POST', '/orders', token, 'item=book', { 'content-type': 'text/plain' });
  assert.equal(text.status, 415);
  assert.equal(text.headers.get('accept'), 'application/json');
});

test('an API key opens what its scopes allow until it is revoked', async () => {
  const { home } = platform();
  const made = await home.json(
    'key',
    'create',
    '--app',
    'orders',
    '--auth',
    'partners',
    '--name',
    'acme',
    '--scope',
    'orders:read',
  );
  const { key, id } = made[0] as { key: string; id: string };
  partnerKey = key;
  const order = await orderOf('ana');
  const path = `/partners/orders/${order}`;
  assert.equal((await call('GET', path, key)).status, 200);
  assert.equal((await platform().fetch(path, { headers: { 'x-api-key': key } })).status, 200);
  const [narrow] = await home.json(
    'key',
    'create',
    '--app',
    'orders',
    '--auth',
    'partners',
    '--name',
    'narrow',
    '--scope',
    'orders:write',
  );
  assert.equal((await call('GET', path, (narrow as { key: string }).key)).status, 403);
  assert.equal((await call('GET', path, `${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`)).status, 401);
  await home.json('key', 'revoke', id);
  assert.equal((await call('GET', path, partnerKey)).status, 401);
});

test('a signed delivery is taken once', async () => {
  const { home } = platform();
  const file = join(home.folder, 'hook.txt');
  await writeText(file, `whsec_${HOOK_SECRET.toString('base64')}`);
  await home.json('secret', 'set', 'PAYMENTS_HOOK', '--from-file', file);
  const id = `msg_${randomUUID()}`;
  const at = String(Math.floor(Date.now() / 1000));
  const body = '{"paid":true}';
  const mac = createHmac('sha256', HOOK_SECRET).update(`${id}.${at}.${body}`).digest('base64');
  const headers = { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${mac}` };
  const send = (text: string) => call('POST', '/hooks/payments', null, text, headers);
  assert.equal((await send('{"paid":false}')).status, 401, 'another body');
  const taken = await send(body);
  assert.equal(taken.status, 200, await taken.clone().text());
  assert.deepEqual(await taken.json(), { received: { paid: true }, by: 'standard:payments' });
  assert.equal((await send(body)).status, 401, 'a replay');
});

test('a subject past its rate is told when to come back, and others are not held up', async () => {
  const id = await orderOf('eve');
  const token = await tokenFor('eve');
  const statuses: number[] = [];
  let limited: Response | null = null;
  for (let i = 0; i < 12; i += 1) {
    const response = await call('GET', `/orders/${id}`, token);
    statuses.push(response.status);
    if (response.status === 429) limited = response;
  }
  assert.equal(statuses.filter((status) => status === 200).length, 10);
  assert.match(limited?.headers.get('retry-after') ?? '', /^\d+$/);
  assert.equal((await call('GET', `/orders/${await orderOf('ana')}`, await tokenFor('ana'))).status, 200);
});

test('a page of a listed origin may call, others may not, and every answer is safe to look at', async () => {
  const ask = (origin: string) =>
    platform().fetch('/orders/x', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    });
  const allowed = await ask('https://shop.example.com');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://shop.example.com');
  const refused = await ask('https://evil.example.com');
  assert.equal(refused.headers.get('access-control-allow-origin'), null);
  const answer = await call('GET', '/orders/x', null, undefined, { origin: 'https://shop.example.com' });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get('access-control-allow-origin'), 'https://shop.example.com');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'self'/);
});

test('`cordon authz explain` says which policy decided', async () => {
  const explain = (subject: string) =>
    platform().home.run(
      ...['authz', 'explain', 'orders', '/orders/x', '--subject', subject],
      ...['--resource', '{"owner":"ana"}', '--json'],
    );
  const other = await explain('bob');
  assert.equal(other.code, 1);
  assert.match(other.stdout, /"outcome":"deny"/);
  const own = await explain('ana');
  assert.equal(own.code, 0, own.stderr);
  assert.match(own.stdout, /owner-may-read-and-change/);
});
