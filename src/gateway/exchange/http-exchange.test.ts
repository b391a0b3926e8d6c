import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../../contract/index.ts';
import { answers, fails, urlOf, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction, Invocation } from '../gateway.fixture.ts';
import { countResponses, RawClient } from '../http/raw-client.fixture.ts';

const HOST = 'Host: shop.example\r\n';
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;

test('an answer arrives with its status, fields and body, an id, and one line in the log', async () => {
  await withGateway(
    answers('hello', ['x-own', 'yes', 'set-cookie', 'a=1', 'set-cookie', 'b=2']),
    async (harness) => {
      const response = await fetch(urlOf(harness, '/a?token=1'), { headers: { accept: 'x/y' } });
      assert.equal(await response.text(), 'hello');
      assert.equal(response.headers.get('x-own'), 'yes');
      assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
      const id = response.headers.get('x-request-id');
      const { request } = await harness.invocation(0);
      assert.equal(request.id, id);
      assert.equal(request.url, `http://127.0.0.1:${harness.port}/a?token=1`);
      assert.deepEqual([request.body, request.streams, request.webSocket], [null, false, false]);
      assert.equal(harness.lines.length, 1);
      assert.match(harness.lines[0]?.message ?? '', /^GET \/a 200 \d+(\.\d)?ms$/);
      assert.equal(harness.lines[0]?.request, id);
    },
  );
});

test('a body of every byte value arrives as it is, whether small or large', async () => {
  for (const bytes of [256, 4096, 4097, 100_000]) {
    const body = Uint8Array.from({ length: bytes }, (_, i) => i & 255);
    await withGateway(
      ({ sink }) => sink.head(200, [], body, true),
      async (harness) => {
        const received = await fetch(urlOf(harness)).then((response) => response.arrayBuffer());
        assert.deepEqual(Buffer.from(received), Buffer.from(body));
      },
    );
  }
});

test('an unknown path is 404, a wrong method 405 with Allow, and neither reaches a function', async () => {
  await withGateway(answers('x'), async (harness) => {
    const wrong = await fetch(urlOf(harness, '/get'), { method: 'POST', body: 'x' });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD');
    await wrong.body?.cancel();
    assert.equal(harness.invocations.length, 0);
    const right = await fetch(urlOf(harness, '/get'));
    assert.equal(right.status, 200);
    await right.body?.cancel();
  });
});

test('a control route answers 401 to anyone but the holder of the token, with a security event', async () => {
  await withGateway(answers('secret'), async (harness) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const refused = await fetch(urlOf(harness, '/private'), { headers });
      assert.equal(refused.status, 401);
      assert.equal(
        ((await refused.json()) as { error: { code: string } }).error.code,
        'CORDON_UNAUTHENTICATED',
      );
    }
    assert.equal(harness.invocations.length, 0);
    assert.equal(harness.events.filter(({ kind }) => kind === 'auth.failed').length, 2);
    const served = await fetch(urlOf(harness, '/private'), { headers: { authorization: 'Bearer right' } });
    assert.equal(await served.text(), 'secret');
  });
});

test('a stream arrives piece by piece, and the guest gets credit for what was taken', async () => {
  await withGateway(
    ({ sink }) => sink.head(200, ['content-type', 'text/event-stream'], null, false),
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(GET);
      await client.until(/text\/event-stream.*\r\n\r\n/s);
      const invocation = await harness.invocation(0);
      for (const piece of ['data: 1\n\n', 'data: 2\n\n']) {
        invocation.sink.data(Buffer.from(piece));
        await client.until(new RegExp(piece.trim()));
      }
      assert.equal(invocation.credited, 18);
      invocation.sink.end();
      await client.until(/0\r\n\r\n$/);
      client.socket.destroy();
    },
  );
});

test('errors of a function are opaque and carry the id of the log line', async () => {
  const error = new CordonError('CORDON_FUNCTION_ERROR', 'TypeError: secret at /srv/app.js:3', {
    cause: new Error('stack'),
  });
  await withGateway(fails(error), async (harness) => {
    const response = await fetch(urlOf(harness));
    const text = await response.text();
    const id = response.headers.get('x-request-id') ?? '';
    assert.equal(response.status, 500);
    assert.deepEqual(JSON.parse(text), {
      error: { code: 'CORDON_FUNCTION_ERROR', message: 'The request could not be served.', id },
    });
    const line = harness.lines.find(({ request }) => request === id);
    assert.equal(line?.level, 'error');
    assert.match(line?.message ?? '', /CORDON_FUNCTION_ERROR TypeError: secret/);
  });
});

test('HEAD, 204 and 304 have no body whatever the function sends', async () => {
  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    await withGateway(
      ({ sink }) => sink.head(status, [], Buffer.from('body'), true),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(
          `${method} /a HTTP/1.1\r\n${HOST}\r\nGET /b HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
        );
        const text = await client.closed();
        assert.equal(countResponses(text), 2);
        assert.equal(text.indexOf('body'), status === 200 ? text.length - 4 : -1);
      },
    );
  }
});

test('framing and hop fields of a function are replaced by the gateway’s own', async () => {
  const fields = [
    'Transfer-Encoding',
    'chunked',
    'Connection',
    'upgrade',
    'Keep-Alive',
    'x',
    'Upgrade',
    'h2c',
    'Trailer',
    'x',
    'Proxy-Authenticate',
    'x',
    'X-Request-Id',
    'forged',
    'Alt-Svc',
    'h3=":1"',
    'Content-Length',
    '2',
  ];
  await withGateway(answers('ok', fields), async (harness) => {
    const client = new RawClient(harness.port);
    client.send(GET);
    const text = await client.until(/ok$/);
    assert.doesNotMatch(text, /transfer-encoding|upgrade|trailer|proxy-|forged|alt-svc/i);
    assert.equal(text.match(/content-length: 2/gi)?.length, 1);
    client.socket.destroy();
  });
});

const unusable: Record<string, (invocation: Invocation) => void> = {
  'CR and LF in a value': ({ sink }) => sink.head(200, ['x', 'a\r\nset-cookie: evil=1'], null, true),
  'LF in a value': ({ sink }) => sink.head(200, ['x', 'a\nb'], null, true),
  'NUL in a value': ({ sink }) => sink.head(200, ['x', 'a\0b'], null, true),
  'a value past one byte': ({ sink }) => sink.head(200, ['x', 'a\u010ab'], null, true),
  'CR and LF in a name': ({ sink }) => sink.head(200, ['x\r\ny', 'a'], null, true),
  'an empty name': ({ sink }) => sink.head(200, ['', 'a'], null, true),
  'a name without a value': ({ sink }) => sink.head(200, ['x'], null, true),
  'a status below 200': ({ sink }) => sink.head(103, [], null, true),
  'a WebSocket that nobody asked for': ({ sink }) => sink.head(101, [], null, true),
  'a status past 599': ({ sink }) => sink.head(600, [], null, true),
  'a Content-Length that is no number': ({ sink }) =>
    sink.head(200, ['content-length', '+1'], Buffer.from('x'), true),
  'a Content-Length that is too small': ({ sink }) =>
    sink.head(200, ['content-length', '1'], Buffer.from('xy'), true),
  'a Content-Length that is too large': ({ sink }) =>
    sink.head(200, ['content-length', '3'], Buffer.from('xy'), true),
  'two different Content-Lengths': ({ sink }) =>
    sink.head(200, ['content-length', '2', 'content-length', '3'], Buffer.from('xy'), true),
  'too many bytes of headers': ({ sink }) => sink.head(200, ['x', 'a'.repeat(33_000)], null, true),
};

for (const [what, fake] of Object.entries(unusable)) {
  test(`a function that answers with ${what} becomes an opaque 502`, async () => {
    await withGateway(fake, async (harness) => {
      const client = new RawClient(harness.port);
      client.send(GET);
      const text = await client.until(/}}$/);
      assert.match(text, /^HTTP\/1\.1 502 .*"code":"CORDON_FUNCTION_RESPONSE"/s);
      assert.doesNotMatch(text, /evil/);
      client.socket.destroy();
    });
  });
}

test('a body that turns out longer or shorter than announced ends the connection', async () => {
  for (const pieces of [['abc', 'def'], ['a']]) {
    await withGateway(
      ({ sink }) => {
        sink.head(200, ['content-length', '5'], null, false);
        for (const piece of pieces) sink.data(Buffer.from(piece));
        sink.end();
      },
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(GET + GET);
        const text = await client.closed();
        assert.ok((text.split('\r\n\r\n')[1] ?? '').length < 5);
        assert.equal(countResponses(text), 1);
        assert.match(harness.lines[0]?.message ?? '', /CORDON_FUNCTION_RESPONSE/);
      },
    );
  }
});

test('a response of the longest length is passed on, and one byte more is not', async () => {
  for (const [bytes, complete] of [
    [1000, true],
    [1001, false],
  ] as const) {
    const whole: FakeFunction = ({ sink }) => sink.head(200, [], Buffer.alloc(bytes), true);
    const streamed: FakeFunction = ({ sink }) => {
      sink.head(200, [], null, false);
      sink.data(Buffer.alloc(bytes));
      sink.end();
    };
    await withGateway(
      whole,
      async (harness) => {
        const response = await fetch(urlOf(harness));
        assert.equal(response.status, complete ? 200 : 502);
        await response.body?.cancel();
      },
      { functionLimits: { responseBytes: 1000 } },
    );
    await withGateway(
      streamed,
      async (harness) => {
        const body = fetch(urlOf(harness)).then((response) => response.arrayBuffer());
        if (complete) assert.equal((await body).byteLength, bytes);
        else await assert.rejects(body);
      },
      { functionLimits: { responseBytes: 1000 } },
    );
  }
});

test('an instance that dies in the middle of its answer ends the connection', async () => {
  await withGateway(
    ({ sink }) => {
      sink.head(200, [], Buffer.from('half'), false);
      setImmediate(() => sink.failed(new CordonError('CORDON_FUNCTION_CRASHED')));
    },
    async (harness) => {
      await assert.rejects(fetch(urlOf(harness)).then((response) => response.text()));
      assert.match(harness.lines[0]?.message ?? '', /CORDON_FUNCTION_CRASHED/);
    },
  );
});
