import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { CordonError } from '../../contract/index.ts';
import { startGateway, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction, Harness } from '../gateway.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = `Host: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`;

const accept: FakeFunction = ({ sink }) => sink.head(101, [], null, false);
const echo: FakeFunction = (invocation) => {
  invocation.onMessage = (data, text) => invocation.sink.message(data, text);
  invocation.sink.head(101, ['x-own', 'yes'], null, false);
};

const connectTo = (
  harness: Harness,
  path = '/a',
  protocols: string[] = [],
  headers: Record<string, string> = {},
): WebSocket => new WebSocket(`ws://127.0.0.1:${harness.port}${path}`, protocols, { headers });

test('messages go both ways as they are, and closes with their code and reason', async () => {
  await withGateway(echo, async (harness) => {
    const client = connectTo(harness);
    const upgraded = once(client, 'upgrade') as Promise<[{ headers: Record<string, string> }]>;
    await once(client, 'open');
    const [upgrade] = await upgraded;
    const invocation = await harness.invocation(0);
    assert.equal(upgrade.headers['x-request-id'], invocation.request.id);
    assert.equal(upgrade.headers['x-own'], 'yes');
    assert.equal(invocation.request.webSocket, true);
    client.send('text');
    assert.deepEqual(await once(client, 'message'), [Buffer.from('text'), false]);
    client.send(Buffer.from([0, 255]));
    assert.deepEqual(await once(client, 'message'), [Buffer.from([0, 255]), true]);
    assert.equal(harness.gateway.stats().requestsInFlight, 0, 'an open WebSocket holds no request slot');
    assert.equal(harness.gateway.stats().webSockets, 1);
    const closed = new Promise<void>((resolve) => (invocation.onClose = resolve));
    client.close(4001, 'bye');
    await closed;
    assert.deepEqual(invocation.closed, { code: 4001, reason: 'bye' });
    assert.equal(invocation.credited, 6);
  });
});

test('the function closes with its own code; codes that cannot be sent are replaced', async () => {
  for (const [given, sent] of [
    [4002, 4002],
    [1000, 1000],
    [1005, 1000],
    [1006, 1000],
    [999, 1011],
    [1015, 1011],
    [5000, 1011],
  ] as const) {
    await withGateway(accept, async (harness) => {
      const client = connectTo(harness);
      await once(client, 'open');
      (await harness.invocation(0)).sink.closed(given, 'done');
      const [code, reason] = (await once(client, 'close')) as [number, Buffer];
      assert.deepEqual([code, reason.toString()], [sent, 'done']);
    });
  }
});

test('the handshake is completed only after the function accepted, and what was sent early arrives', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      const invocation = await harness.invocation(0);
      // A masked text frame `hi` with a mask of zeros.
      client.send('\x81\x82\x00\x00\x00\x00hi');
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(client.text, '');
      const message = new Promise<string>(
        (resolve) => (invocation.onMessage = (data) => resolve(Buffer.from(data).toString())),
      );
      invocation.sink.head(101, [], null, false);
      assert.equal(await message, 'hi');
      await client.until(/^HTTP\/1\.1 101 /);
      client.socket.destroy();
    },
  );
});

test('an answer that is not 101 is a plain response', async () => {
  await withGateway(
    ({ sink }) => sink.head(403, ['x-why', 'no'], Buffer.from('not you'), true),
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      const text = await client.closed();
      assert.match(text, /^HTTP\/1\.1 403 Forbidden\r\n.*x-why: no.*connection: close.*not you$/is);
    },
  );
});

test('a function that fails before it accepts becomes an opaque error', async () => {
  await withGateway(
    ({ sink }) => sink.failed(new CordonError('CORDON_FUNCTION_ERROR', 'secret')),
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      const text = await client.closed();
      assert.match(text, /^HTTP\/1\.1 500 .*CORDON_FUNCTION_ERROR/s);
      assert.doesNotMatch(text, /secret/);
    },
  );
});

test('the same stages stand before a WebSocket as before a request', async () => {
  await withGateway(accept, async (harness) => {
    for (const [path, status] of [
      ['/private', 401],
      ['/a%2fb', 400],
      ['/get/none', 101],
    ] as const) {
      const client = connectTo(harness, path);
      if (status === 101) {
        await once(client, 'open');
        client.terminate();
        continue;
      }
      client.on('error', () => undefined);
      const [, response] = (await once(client, 'unexpected-response')) as [
        unknown,
        { statusCode: number; destroy(): void },
      ];
      assert.equal(response.statusCode, status);
      response.destroy();
    }
    assert.equal(harness.invocations.length, 1);
    const allowed = connectTo(harness, '/private', [], { authorization: 'Bearer right' });
    await once(allowed, 'open');
    allowed.terminate();
  });
});

const malformedHandshakes: Record<string, string> = {
  'another version': HANDSHAKE.replace('13', '8'),
  'no version': HANDSHAKE.replace('Sec-WebSocket-Version: 13\r\n', ''),
  'a short key': HANDSHAKE.replace(KEY, 'short'),
  'two keys': `${HANDSHAKE}Sec-WebSocket-Key: ${KEY}\r\n`,
  'a protocol twice': `${HANDSHAKE}Sec-WebSocket-Protocol: a, a\r\n`,
};

for (const [what, fields] of Object.entries(malformedHandshakes)) {
  test(`a handshake with ${what} is refused before any function runs`, async () => {
    await withGateway(accept, async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`GET /a HTTP/1.1\r\n${fields}\r\n`);
      assert.match(await client.closed(), /^HTTP\/1\.1 426 .*sec-websocket-version: 13/is);
      assert.equal(harness.invocations.length, 0);
    });
  });
}

test('a handshake with a body is no handshake but a plain request', async () => {
  await withGateway(
    ({ request, sink }) => sink.head(200, [], Buffer.from(`socket: ${request.webSocket}`), true),
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}Content-Length: 2\r\n\r\nhi`);
      assert.match(await client.until(/socket: /), /^HTTP\/1\.1 200 .*socket: false$/s);
      client.socket.destroy();
    },
  );
});

test('a subprotocol is taken over where it was offered, and refused where it was not', async () => {
  const choose: FakeFunction = ({ sink }) => sink.head(101, ['Sec-WebSocket-Protocol', 'b'], null, false);
  await withGateway(choose, async (harness) => {
    const client = connectTo(harness, '/a', ['a', 'b']);
    await once(client, 'open');
    assert.equal(client.protocol, 'b');
    client.terminate();
    const raw = new RawClient(harness.port);
    raw.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}Sec-WebSocket-Protocol: a\r\n\r\n`);
    assert.match(await raw.closed(), /^HTTP\/1\.1 502 /);
  });
});

test('a message of the longest size passes, and a larger one closes with 1009 either way', async () => {
  await withGateway(
    echo,
    async (harness) => {
      const client = connectTo(harness);
      await once(client, 'open');
      client.send('x'.repeat(1000));
      await once(client, 'message');
      client.send('x'.repeat(1001));
      assert.equal(((await once(client, 'close')) as [number])[0], 1009);
      const second = connectTo(harness);
      await once(second, 'open');
      (await harness.invocation(1)).sink.message(Buffer.alloc(1001), false);
      assert.equal(((await once(second, 'close')) as [number])[0], 1009);
      assert.equal((await harness.invocation(1)).aborted, true);
    },
    { limits: { webSocketMessageBytesMax: 1000 } },
  );
});

test('a function that does not take messages holds the caller back', async () => {
  const slow: FakeFunction = (invocation) => {
    invocation.takes = false;
    invocation.sink.head(101, [], null, false);
  };
  await withGateway(slow, async (harness) => {
    const client = connectTo(harness);
    await once(client, 'open');
    const invocation = await harness.invocation(0);
    const first = new Promise<void>((resolve) => (invocation.onMessage = () => resolve()));
    for (let i = 0; i < 50; i++) client.send('x'.repeat(50_000));
    await first;
    const held = invocation.received.length;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(invocation.received.length - held <= 1);
    invocation.takes = true;
    const last = new Promise<void>((resolve) => {
      invocation.onMessage = () => invocation.received.length === 50 && resolve();
    });
    invocation.sink.drain();
    await last;
    client.terminate();
  });
});

test('the function is told when a caller vanishes, before and after it accepted', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const early = new RawClient(harness.port);
      early.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      const first = await harness.invocation(0);
      const gone = new Promise<void>((resolve) => (first.onAbort = resolve));
      early.socket.destroy();
      await gone;
      const late = connectTo(harness);
      const second = await harness.invocation(1);
      second.sink.head(101, [], null, false);
      await once(late, 'open');
      const vanished = new Promise<void>((resolve) => (second.onAbort = resolve));
      late.terminate();
      await vanished;
    },
  );
});

test('an instance that dies closes the WebSocket with 1011 and the id of the log line', async () => {
  let lines: Harness['lines'] = [];
  let id = '';
  await withGateway(accept, async (harness) => {
    lines = harness.lines;
    const client = connectTo(harness);
    await once(client, 'open');
    const { sink, request } = await harness.invocation(0);
    sink.failed(new CordonError('CORDON_FUNCTION_CRASHED', 'secret'));
    const [code, reason] = (await once(client, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [1011, request.id]);
    id = request.id;
  });
  assert.match(
    lines.find(({ request }) => request === id)?.message ?? '',
    /101 .*CORDON_FUNCTION_CRASHED secret/,
  );
});

test('a caller that answers no ping is cut, and one that does stays', async () => {
  await withGateway(
    accept,
    async (harness) => {
      const dead = new RawClient(harness.port);
      dead.send(`GET /dead HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      const alive = connectTo(harness, '/alive');
      await once(alive, 'open');
      await dead.closed();
      await once(alive, 'ping');
      await once(alive, 'ping');
      assert.equal(alive.readyState, WebSocket.OPEN);
      alive.terminate();
    },
    { limits: { webSocketPingMs: 60 } },
  );
});

test('WebSockets past their limit are answered with 503', async () => {
  await withGateway(
    accept,
    async (harness) => {
      const first = connectTo(harness);
      await once(first, 'open');
      const raw = new RawClient(harness.port);
      raw.send(`GET /a HTTP/1.1\r\n${HANDSHAKE}\r\n`);
      assert.match(await raw.closed(), /^HTTP\/1\.1 503 /);
      first.terminate();
    },
    { limits: { webSocketsMax: 1 } },
  );
});

test('a drain closes WebSockets with 1001', async () => {
  const harness = await startGateway(accept);
  const client = connectTo(harness);
  await once(client, 'open');
  const closed = once(client, 'close') as Promise<[number]>;
  await harness.gateway.close(1000);
  assert.equal((await closed)[0], 1001);
});
