/** A server that speaks TLS with the authority of this machine, as `cordon up --tls` starts it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { WebSocket } from 'ws';
import { makeAuthority, makeClient, type Issued } from '../../src/identity/mtls/certificates.fixture.ts';
import { type Platform, usePlatform, writeText } from './platform.ts';

const SOURCE = `
export default {
  fetch(request: Request): Response {
    if (request.headers.get('upgrade') === 'websocket') {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener('message', ({ data }) => server.send(data));
      return new Response(null, { status: 101, webSocket: client });
    }
    const { protocol } = new URL(request.url);
    return Response.json({ protocol, identity: JSON.parse(request.headers.get('x-cordon-identity') ?? 'null') });
  },
};`;
const MANIFEST = {
  name: 'secure',
  auth: { mtls: { machines: { ca: 'certificates/ca.pem', subjects: ['CN=robot-*'] } } },
  functions: {
    main: {
      entry: 'src/main.ts',
      routes: [
        { path: '/open', auth: 'public' },
        { path: '/machine', auth: { mtls: 'machines' } },
      ],
    },
  },
};

let authority: Issued;
let trusted = '';

const platform = usePlatform([], ['--tls'], async (started: Platform) => {
  authority = await makeAuthority();
  const folder = join(started.home.folder, 'secure');
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(MANIFEST));
  await writeText(join(folder, 'certificates/ca.pem'), authority.pem);
  await writeText(join(folder, 'src/main.ts'), SOURCE);
  await started.deploy(folder);
  trusted = await readFile(join(started.home.dataDirectory, 'tls/authority.pem'), 'utf8');
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** URL of a path, by the name that the certificate is for. */
function urlOf(path: string, scheme = 'https'): string {
  return `${scheme}://localhost:${new URL(platform().server.gatewayUrl).port}${path}`;
}

/** Over HTTP/1.1, on a connection of its own. */
async function ask(path: string, options: RequestOptions = {}): Promise<Answer> {
  const sent = request(urlOf(path), { ca: trusted, agent: false, ...options });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of answer) text += String(piece);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

/** What a client shows of a certificate. */
const showing = ({ pem, keyPem }: Issued): RequestOptions => ({ cert: pem, key: keyPem });

test('the gateway serves HTTP/1.1 over TLS to whoever trusts its authority, and to nobody else', async () => {
  assert.match(platform().server.gatewayUrl, /^https:/);
  const answer = await ask('/open');
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.text), { protocol: 'https:', identity: null });
  const named = await ask('/open', { headers: { host: 'shop.example' }, servername: 'localhost' });
  assert.match(String(named.headers['strict-transport-security']), /max-age=/);
  for (const path of ['/open', '/machine', '/none']) {
    // A browser would keep it for every port of this machine.
    assert.equal((await ask(path)).headers['strict-transport-security'], undefined, path);
  }
  await assert.rejects(ask('/open', { ca: [] }), /certificate|issuer/i);
  await assert.rejects(fetch(urlOf('/open', 'http')));
});

test('many requests share one connection of HTTP/2', async () => {
  const session = connect(urlOf(''), { ca: trusted });
  const statuses = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const stream = session.request({ ':path': i % 2 === 0 ? '/open' : '/none' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      assert.equal(headers['x-content-type-options'], 'nosniff');
      return headers[':status'];
    }),
  );
  assert.deepEqual(new Set(statuses), new Set([200, 404]));
  assert.equal(session.alpnProtocol, 'h2');
  session.close();
});

test('a WebSocket is opened over TLS', async () => {
  const webSocket = new WebSocket(urlOf('/open', 'wss'), { ca: trusted });
  await once(webSocket, 'open');
  webSocket.send('hello');
  assert.equal(String(((await once(webSocket, 'message')) as [Buffer])[0]), 'hello');
  webSocket.close();
});

test('a certificate of the authority of the app names its caller, and any other lets nobody in', async () => {
  const robot = await makeClient(authority, { subject: 'robot-7' });
  const served = await ask('/machine', showing(robot));
  assert.equal(served.status, 200, served.text);
  const { identity } = JSON.parse(served.text) as { identity: Record<string, unknown> };
  assert.equal(identity['authenticator'], 'mtls:machines');
  assert.equal(identity['kind'], 'machine');
  assert.match(String(identity['subject']), /robot-7/);

  const stranger = await makeAuthority();
  const refused = [
    {},
    showing(await makeClient(stranger, { subject: 'robot-7' })),
    showing(await makeClient(authority, { subject: 'person' })),
    showing(await makeClient(authority, { subject: 'robot-7', notAfter: new Date(Date.now() - 1000) })),
  ];
  const seen = new Set<string>();
  for (const options of refused) {
    const answer = await ask('/machine', {
      ...options,
      headers: { 'x-cordon-identity': '{"subject":"robot-7"}' },
    });
    assert.equal(answer.status, 401);
    seen.add(answer.text.replace(/req_\w+/, ''));
  }
  assert.equal(seen.size, 1);
  assert.equal((await ask('/open', refused[1])).status, 200, 'a route that asks for none takes no notice');
});

test('a certificate names its caller over HTTP/2 as well', async () => {
  const { pem, keyPem } = await makeClient(authority, { subject: 'robot-8' });
  const session = connect(urlOf(''), { ca: trusted, cert: pem, key: keyPem });
  const stream = session.request({ ':path': '/machine' });
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let text = '';
  for await (const piece of stream) text += String(piece);
  session.close();
  assert.equal(headers[':status'], 200);
  assert.match(text, /robot-8/);
});
