import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { lineOf, startControl, type Harness } from '../control/control.fixture.ts';
import { CordonError, Secret } from '../contract/index.ts';
import { ControlClient } from './index.ts';

let control: Harness;
let client: ControlClient;

before(async () => {
  control = await startControl();
  client = new ControlClient({ url: `${control.url}/`, token: new Secret(control.token) });
});

after(() => control.close());

/** A client of some other HTTP server. */
async function clientOf(listener: RequestListener): Promise<{ client: ControlClient; server: Server }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: new ControlClient({ url, token: new Secret('x') }), server };
}

test('a call fills in path, query and body and returns what the operation answers', async () => {
  const app = await client.call('GET /v1/apps/{app}', { params: { app: 'shop' } });
  assert.equal(app.name, 'shop');
  const { lines } = await client.call('GET /v1/logs', { query: { app: 'shop', limit: 5 } });
  assert.deepEqual(lines, []);
  const after = await client.call('POST /v1/apps/{app}/rollback', { params: { app: 'shop' }, body: {} });
  assert.equal(after.previous, app.live);
});

test('a value of a path cannot become another path', async () => {
  await assert.rejects(client.call('GET /v1/apps/{app}', { params: { app: '../status?x' } }), {
    code: 'CORDON_INPUT_INVALID',
  });
});

test('an error of the server comes out with its code, message, next and id', async () => {
  const failure = client.call('GET /v1/apps/{app}', { params: { app: 'nobody' } });
  await assert.rejects(failure, (error) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_APP_UNKNOWN');
    assert.equal(error.message, 'There is no app named nobody.');
    assert.match(String(error.details['id']), /^evt_/);
    return true;
  });
});

test('no server, and one that is not Cordon, are unreachable', async () => {
  const nobody = new ControlClient({ url: 'http://127.0.0.1:1', token: new Secret('x') });
  await assert.rejects(nobody.call('GET /v1/apps', {}), { code: 'CORDON_SERVER_UNREACHABLE' });
  for (const status of [200, 404]) {
    const other = await clientOf((_request, response) => response.writeHead(status).end('<html>'));
    await assert.rejects(other.client.call('GET /v1/apps', {}), { code: 'CORDON_SERVER_UNREACHABLE' });
    other.server.close();
  }
});

test('a redirect is not followed, so that nobody else gets the token', async () => {
  let reached = false;
  const target = await clientOf((_request, response) => {
    reached = true;
    response.end('{}');
  });
  const other = await clientOf((_request, response) =>
    response.writeHead(307, { location: target.client.url }).end(),
  );
  await assert.rejects(other.client.call('GET /v1/apps', {}), { code: 'CORDON_SERVER_UNREACHABLE' });
  assert.equal(reached, false);
  other.server.close();
  target.server.close();
});

test('a URL that would send the token in the clear is refused, loopback and https are not', () => {
  const make = (url: string): ControlClient => new ControlClient({ url, token: new Secret('x') });
  for (const url of [
    'http://cordon.example',
    'http://10.0.0.1:8081',
    'ftp://localhost',
    'localhost:8081',
    '',
  ]) {
    assert.throws(() => make(url), { code: 'CORDON_CREDENTIALS_INVALID' }, url);
  }
  for (const url of ['http://localhost:8081', 'http://[::1]:8081', 'https://cordon.example']) {
    assert.ok(make(url));
  }
});

test('a code of a newer server is an internal error that keeps it', async () => {
  const body = { error: { code: 'CORDON_NEW', message: 'new', next: '', details: {}, id: 'evt_1' } };
  const other = await clientOf((_request, response) => response.writeHead(400).end(JSON.stringify(body)));
  await assert.rejects(other.client.call('GET /v1/apps', {}), (error) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_INTERNAL');
    assert.equal(error.details['code'], 'CORDON_NEW');
    return true;
  });
  other.server.close();
});

test('a stream yields lines until it is stopped', async () => {
  const stop = new AbortController();
  for (let i = 1; i <= 3; i++) control.evidence.log(lineOf('shop', `größer ${i}`));
  const messages: string[] = [];
  for await (const line of client.stream('GET /v1/logs/stream', {
    query: { after: 0 },
    signal: stop.signal,
  })) {
    messages.push(line.message);
    if (messages.length === 3) stop.abort();
  }
  assert.deepEqual(messages, ['größer 1', 'größer 2', 'größer 3']);
});

test('a stream that the server ends, ends', async () => {
  const other = await clientOf((_request, response) => {
    response
      .writeHead(200)
      .end('id: 1\r\nevent: log\r\ndata: {"message":\r\ndata: "split"}\r\n\r\n: heartbeat\n\n');
  });
  const messages: string[] = [];
  for await (const line of other.client.stream('GET /v1/logs/stream', {})) messages.push(line.message);
  assert.deepEqual(messages, ['split']);
  other.server.close();
});
