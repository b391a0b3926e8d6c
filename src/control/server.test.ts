import assert from 'node:assert/strict';
import { request, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, test } from 'node:test';
import { CordonError, LIMITS, type ErrorCode } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';
import { createControlServer, newToken, type ErrorBody } from './index.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});

afterEach(() => {
  control.evidence.recorded.length = 0;
  control.deployError = null;
});

after(() => control.close());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** Sends exactly these headers, as `fetch` would not. */
async function send(
  method: string,
  path: string,
  options: {
    readonly headers?: OutgoingHttpHeaders;
    readonly body?: string | Uint8Array;
    readonly token?: string | null;
  } = {},
): Promise<Answer> {
  const token = options.token === undefined ? control.token : options.token;
  const headers = { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...options.headers };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: control.port, method, path, headers, agent: false },
      (response) => {
        text(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, text: body }),
          reject,
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

function assertRefused(answer: Answer, code: ErrorCode, status: number): ErrorBody['error'] {
  const { error } = JSON.parse(answer.text) as ErrorBody;
  assert.equal(error.code, code, error.message);
  assert.equal(answer.status, status);
  assert.match(error.id, /^evt_/);
  assert.ok(error.next.length > 0);
  const event = control.evidence.recorded.at(-1);
  assert.equal(event?.kind, 'control.refused');
  assert.equal(event?.reason, code);
  assert.equal(event?.detail['id'], error.id);
  return error;
}

test('a holder of the token is answered', async () => {
  const answer = await send('GET', '/v1/apps');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
  const { apps } = JSON.parse(answer.text) as {
    apps: { name: string; functions: { routes: unknown[] }[] }[];
  };
  assert.deepEqual(
    apps.map(({ name }) => name),
    ['shop'],
  );
  assert.deepEqual(apps[0]?.functions[0]?.routes, [
    {
      path: '/orders/:id',
      methods: ['GET'],
      auth: 'public',
      deliver: 'request',
      url: 'http://127.0.0.1:8080/orders/:id',
    },
  ]);
  assert.equal(control.evidence.recorded.length, 0);
});

test('no token, a wrong one, a malformed one and two of them are refused', async () => {
  assertRefused(await send('GET', '/v1/apps', { token: null }), 'CORDON_TOKEN_MISSING', 401);
  assertRefused(await send('GET', '/v1/apps', { token: newToken() }), 'CORDON_TOKEN_REFUSED', 401);
  assertRefused(await send('GET', '/v1/apps', { token: 'x' }), 'CORDON_TOKEN_REFUSED', 401);
  const basic = await send('GET', '/v1/apps', {
    token: null,
    headers: { authorization: `Basic ${control.token}` },
  });
  assertRefused(basic, 'CORDON_TOKEN_REFUSED', 401);
  assert.equal(basic.headers['www-authenticate'], 'Bearer realm="cordon"');
});

test('health needs no token, and what does not exist is told only to those who hold one', async () => {
  assert.equal((await send('GET', '/v1/health', { token: null })).status, 200);
  assertRefused(await send('GET', '/v1/nothing', { token: null }), 'CORDON_TOKEN_MISSING', 401);
  assertRefused(await send('GET', '/v1/nothing'), 'CORDON_OPERATION_UNKNOWN', 404);
});

test('only loopback names are answered, whatever the token', async () => {
  for (const host of ['localhost', `127.0.0.1:${control.port}`, '[::1]:8081', 'LOCALHOST:1']) {
    assert.equal((await send('GET', '/v1/apps', { headers: { host } })).status, 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    '127.0.0.1@evil.example',
    '0.0.0.0',
  ]) {
    assertRefused(await send('GET', '/v1/apps', { headers: { host } }), 'CORDON_HOST_REFUSED', 400);
  }
  assertRefused(
    await send('GET', '/v1/health', { token: null, headers: { host: 'evil.example' } }),
    'CORDON_HOST_REFUSED',
    400,
  );
});

test('what a web page sends is refused, its own origin included', async () => {
  for (const origin of ['https://evil.example', 'null', control.url]) {
    assertRefused(await send('GET', '/v1/apps', { headers: { origin } }), 'CORDON_ORIGIN_REFUSED', 403);
  }
  const site = { 'sec-fetch-site': 'cross-site' };
  assertRefused(await send('GET', '/v1/apps', { headers: site }), 'CORDON_ORIGIN_REFUSED', 403);
  assert.equal((await send('GET', '/v1/apps', { headers: { 'sec-fetch-site': 'none' } })).status, 200);
  const preflight = await send('OPTIONS', '/v1/apps', { headers: { origin: 'https://evil.example' } });
  assertRefused(preflight, 'CORDON_ORIGIN_REFUSED', 403);
  assert.equal(preflight.headers['access-control-allow-origin'], undefined);
});

test('it binds loopback and nothing else', async () => {
  const server = createControlServer({ services: { ...control, ...fakeServices() }, store: control.store });
  for (const host of ['0.0.0.0', '::', '192.168.1.1', 'example.com', '']) {
    await assert.rejects(server.listen({ host, port: 0 }), { code: 'CORDON_ADDRESS_REFUSED' });
  }
  await assert.rejects(server.listen({ host: '127.0.0.1', port: control.port }), {
    code: 'CORDON_PORT_TAKEN',
  });
  const { port } = await server.listen({ host: 'localhost', port: 0 });
  assert.ok(port > 0);
  await server.close();
});

function fakeServices(): Parameters<typeof createControlServer>[0]['services'] {
  const { catalogue, evidence } = control;
  const unused = (): never => assert.fail('not used');
  return {
    catalogue,
    evidence,
    gatewayUrl: control.url,
    secrets: control.secrets,
    keys: { start: unused, status: unused },
    apiKeys: { create: unused, list: unused, revoke: unused },
    accessKeys: { create: unused, list: unused, revoke: unused },
    accessSigner: { presign: unused, postForm: unused },
    events: control.events,
    delivery: unused,
    rejectedObjects: control.rejectedObjects,
    observed: unused,
    deployer: { deploy: unused },
    dispatcher: { dispatch: unused },
    findRoute: unused,
    explain: unused,
    status: unused,
  };
}

test('a method that a path does not take is refused with those that it takes', async () => {
  const answer = await send('DELETE', '/v1/apps/shop/deployments');
  assertRefused(answer, 'CORDON_METHOD_REFUSED', 405);
  assert.equal(answer.headers['allow'], 'POST, GET');
});

test('input that the schemas do not name is refused at its place', async () => {
  const json = { 'content-type': 'application/json' };
  const refused = async (
    method: string,
    path: string,
    body?: string,
    headers: OutgoingHttpHeaders = json,
  ): Promise<string> => {
    const answer = await send(method, path, body === undefined ? {} : { headers, body });
    return assertRefused(answer, 'CORDON_INPUT_INVALID', 400).message;
  };
  assert.match(await refused('GET', '/v1/logs?limit=1001'), /query\.limit/);
  assert.match(await refused('GET', '/v1/logs?nothing=1'), /nothing/);
  assert.match(await refused('GET', '/v1/logs?app=a&app=b'), /twice/);
  assert.match(await refused('GET', '/v1/apps/Shop'), /path\.app/);
  assert.match(await refused('GET', '/v1/apps/%zz'), /escapes/);
  assert.match(await refused('POST', '/v1/apps/shop/rollback', '{"to":"xyz"}'), /body\.to/);
  assert.match(await refused('POST', '/v1/apps/shop/rollback', '{"too":"aaaaaaaa"}'), /too/);
  assert.match(await refused('POST', '/v1/apps/shop/rollback', '{'), /JSON/);
  assert.match(
    await refused('POST', '/v1/apps/shop/rollback', '{}', { 'content-type': 'text/plain' }),
    /application\/json/,
  );
  assert.match(await refused('POST', '/v1/apps/shop/deployments', '{}'), /application\/x-tar/);
  assert.match(await refused('POST', '/v1/apps/shop/canary/promote', '{}'), /no body/);
  const zipped = { ...json, 'content-encoding': 'gzip' };
  assert.match(await refused('POST', '/v1/apps/shop/rollback', '{}', zipped), /compressed/);
  assert.match(
    await refused('PUT', '/v1/apps/shop/canary', '{"deployment":"aaaaaaaa","percent":101}'),
    /percent/,
  );
  assert.equal((await send('GET', '/v1/logs?limit=1000')).status, 200);
});

test('a body at the limit is taken, and one byte more is refused with an answer', async () => {
  const headers = { 'content-type': 'application/json' };
  const sized = (bytes: number): Buffer => Buffer.from('{"path":"/"}'.padEnd(bytes, ' '));
  const path = '/v1/apps/shop/functions/main/invoke';
  const bytesMax = LIMITS.controlJsonBytesMax.value;
  assert.equal((await send('POST', path, { headers, body: sized(bytesMax) })).status, 200);
  assertRefused(
    await send('POST', path, { headers, body: sized(bytesMax + 1) }),
    'CORDON_BODY_TOO_LARGE',
    413,
  );
  const chunked = { ...headers, 'transfer-encoding': 'chunked' };
  const answer = await send('POST', path, { headers: chunked, body: sized(bytesMax + 1) });
  assertRefused(answer, 'CORDON_BODY_TOO_LARGE', 413);
});

test('a refused upload gets its answer before the connection is closed', async () => {
  const headers = { 'content-type': 'application/x-tar' };
  const body = new Uint8Array(8 * 1024 * 1024);
  const answer = await send('POST', '/v1/apps/shop/deployments', { headers, body, token: newToken() });
  assertRefused(answer, 'CORDON_TOKEN_REFUSED', 401);
  assert.equal(control.archives.length, 0);
});

test('a deploy hands the archive on and shows what came of it', async () => {
  const headers = { 'content-type': 'application/x-tar' };
  const body = Buffer.from('an archive');
  const answer = await send('POST', '/v1/apps/fresh/deployments', { headers, body });
  assert.equal(answer.status, 201);
  const result = JSON.parse(answer.text) as {
    deployment: { role: string };
    steps: unknown[];
    app: { live: string };
  };
  assert.equal(result.deployment.role, 'live');
  assert.deepEqual(result.steps, [{ name: 'bundle', ms: 12.4 }]);
  assert.deepEqual(control.archives, [body]);
});

test('an error keeps its code, message and details; an internal one keeps its message to itself', async () => {
  const headers = { 'content-type': 'application/x-tar' };
  const deploy = (): Promise<Answer> => send('POST', '/v1/apps/shop/deployments', { headers, body: 'x' });
  control.deployError = new CordonError('CORDON_BUNDLE_FAILED', 'src/a.ts:1:2: no', {
    details: { file: 'src/a.ts', line: 1 },
  });
  const known = assertRefused(await deploy(), 'CORDON_BUNDLE_FAILED', 400);
  assert.equal(known.message, 'src/a.ts:1:2: no');
  assert.deepEqual(known.details, { file: 'src/a.ts', line: 1 });
  control.deployError = new Error('/secret/path is broken');
  const hidden = assertRefused(await deploy(), 'CORDON_INTERNAL', 500);
  assert.equal(JSON.stringify(hidden).includes('secret'), false);
  assert.equal(control.evidence.recorded.at(-1)?.detail['message'], '/secret/path is broken');
});

test('rollback, canary and promotion move the alias by the first digits of an id', async () => {
  const json = { 'content-type': 'application/json' };
  const change = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<{ live: string; canary: unknown; previous: string | null }> => {
    const answer = await send(
      method,
      path,
      body === undefined ? {} : { headers: json, body: JSON.stringify(body) },
    );
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as { live: string; canary: unknown; previous: string | null };
  };
  const first = await change('POST', '/v1/apps/shop/rollback', { to: 'aaaaaaaaaaaa' });
  assert.match(first.live, /^a{12}/);
  const second = await change('PUT', '/v1/apps/shop/canary', { deployment: 'bbbbbbbb', percent: 10 });
  assert.deepEqual(second.canary, { deployment: 'bbbbbbbbbbbb'.padEnd(64, '0'), percent: 10 });
  assert.equal((await change('DELETE', '/v1/apps/shop/canary')).canary, null);
  await change('PUT', '/v1/apps/shop/canary', { deployment: 'bbbbbbbb', percent: 0 });
  assert.match((await change('POST', '/v1/apps/shop/canary/promote')).live, /^b{12}/);
  assertRefused(await send('POST', '/v1/apps/shop/canary/promote'), 'CORDON_CANARY_INVALID', 400);
  const unknown = await send('POST', '/v1/apps/shop/rollback', { headers: json, body: '{"to":"dddddddd"}' });
  assertRefused(unknown, 'CORDON_DEPLOYMENT_UNKNOWN', 404);
  assertRefused(await send('GET', '/v1/apps/nobody'), 'CORDON_APP_UNKNOWN', 404);
});

test('bytes that are no HTTP are answered with 400 and recorded', async () => {
  const socket = connect(control.port, '127.0.0.1');
  socket.end('NONSENSE\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1\.1 400 /);
  assert.equal(control.evidence.recorded.at(-1)?.reason, 'CORDON_REQUEST_MALFORMED');
});

test('two Host fields are refused', async () => {
  const socket = connect(control.port, '127.0.0.1');
  socket.end('GET /v1/health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n');
  assert.match(await text(socket), /^HTTP\/1\.1 400 /);
});
