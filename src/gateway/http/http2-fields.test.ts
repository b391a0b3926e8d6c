import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TransportOptions } from '../../transport/index.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import { fieldBlock, FLAG, FRAME, FrameClient, get, replaced, statusOf } from './frame-client.fixture.ts';
import { answers, startGateway, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';

let transport: TransportOptions;
let harness: Harness;

before(async () => {
  transport = await tlsTransport();
  harness = await startGateway(answers('ok'), {
    transport,
    limits: { headersCountMax: 10, headersBytesMax: 4096 },
  });
});

after(() => harness.close());

const benign: Record<string, (readonly [string, string])[]> = {
  'a plain request': get('/a'),
  'Host that agrees with :authority': get('/a', ['host', 'shop.example']),
  'Host instead of :authority': [
    ...get('/a').filter(([name]) => name !== ':authority'),
    ['host', 'shop.example'],
  ],
  'te: trailers': get('/a', ['te', 'trailers']),
  'as many fields as allowed': get('/a', ...Array.from({ length: 10 }, (_, i) => [`x-${i}`, 'y'] as const)),
};

for (const [what, fields] of Object.entries(benign)) {
  test(`${what} is served`, async () => {
    const client = await FrameClient.open(harness.port);
    const before = harness.invocations.length;
    client.request(1, fields);
    assert.equal(await statusOf(client, 1), 200);
    assert.equal(harness.invocations.length, before + 1);
    client.destroy();
  });
}

const hostile: Record<string, (readonly [string, string])[]> = {
  'a field name with capitals': get('/a', ['X-Upper', 'y']),
  Connection: get('/a', ['connection', 'close']),
  'Transfer-Encoding': get('/a', ['transfer-encoding', 'chunked']),
  'Keep-Alive': get('/a', ['keep-alive', 'x']),
  'Proxy-Connection': get('/a', ['proxy-connection', 'x']),
  Upgrade: get('/a', ['upgrade', 'websocket']),
  'te besides trailers': get('/a', ['te', 'gzip']),
  'HTTP2-Settings': get('/a', ['http2-settings', 'AAMAAABk']),
  'Host that differs from :authority': get('/a', ['host', 'other.example']),
  'Host twice': get('/a', ['host', 'shop.example'], ['host', 'shop.example']),
  ':authority with user information': replaced(':authority', 'me@shop.example'),
  'no authority at all': get('/a').filter(([name]) => name !== ':authority'),
  'another scheme than the connection’s': replaced(':scheme', 'http'),
  'no :path': get('/a').filter(([name]) => name !== ':path'),
  'an empty :path': replaced(':path', ''),
  'a :path that is a URL': replaced(':path', 'https://shop.example/a'),
  'a pseudo-header field twice': [[':path', '/b'], ...get('/a')],
  'a pseudo-header field behind others': [...get('/a').slice(0, 3), ['x', 'y'], [':path', '/a']],
  'an unknown pseudo-header field': [[':status', '200'], ...get('/a')],
  'a space in :method': replaced(':method', 'GET /b'),
  'CR and LF in :path': replaced(':path', '/a\r\nx: y'),
  CONNECT: [
    [':method', 'CONNECT'],
    [':authority', 'shop.example:80'],
  ],
  'extended CONNECT': [[':protocol', 'websocket'], ...replaced(':method', 'CONNECT')],
  'a length without a body': get('/a', ['content-length', '5']),
  'two lengths': get('/a', ['content-length', '0'], ['content-length', '0']),
  'Authorization twice': get('/a', ['authorization', 'Bearer right'], ['authorization', 'Bearer wrong']),
  'one field too many': get('/a', ...Array.from({ length: 11 }, (_, i) => [`x-${i}`, 'y'] as const)),
  'fields past their bytes': get('/a', ['x', 'y'.repeat(5000)]),
};

for (const [what, fields] of Object.entries(hostile)) {
  test(`${what} reaches no function, and the stream is refused`, async () => {
    const client = await FrameClient.open(harness.port);
    const before = harness.invocations.length;
    client.request(1, fields);
    const { type } = await client.until(
      (got) =>
        (got.stream === 1 && (got.type === FRAME.reset || got.type === FRAME.headers)) ||
        got.type === FRAME.goaway,
    );
    if (type === FRAME.headers) assert.notEqual(await statusOf(client, 1), 200);
    assert.equal(harness.invocations.length, before);
    client.destroy();
  });
}

test('CR, LF and NUL in a value never reach a function', async () => {
  for (const value of ['a\r\nb: c', 'a\nb', 'a\0b']) {
    const client = await FrameClient.open(harness.port);
    client.request(1, get('/a', ['x-bad', value]));
    client.request(3, get('/b'));
    await statusOf(client, 3);
    for (const { request } of harness.invocations) assert.equal(request.headers.includes('x-bad'), false);
    client.destroy();
  }
});

test('a body that is shorter or longer than its length completes no request', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      for (const body of ['abc', 'abcdefgh']) {
        const client = await FrameClient.open(waiting.port);
        const fields = replaced(':method', 'POST');
        client.send(FRAME.headers, FLAG.endHeaders, 1, fieldBlock([...fields, ['content-length', '5']]));
        client.send(FRAME.data, FLAG.endStream, 1, Buffer.from(body));
        const end = await client.until(({ type }) => type === FRAME.reset || type === FRAME.goaway);
        assert.notEqual(end.payload.readUInt32BE(end.payload.length - 4), 0);
        client.destroy();
      }
      assert.ok(waiting.invocations.every(({ ended }) => !ended));
    },
    { transport },
  );
});
