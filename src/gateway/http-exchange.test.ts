import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { answers, countResponses, fails, RawClient, startGateway } from './gateway.fixture.ts';
import type { FakeFunction, Harness, Invocation } from './gateway.fixture.ts';

const HOST = 'Host: shop.example\r\n';
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;

async function withGateway(
  fake: FakeFunction,
  run: (harness: Harness) => Promise<void>,
  options: Parameters<typeof startGateway>[1] = {},
): Promise<void> {
  const harness = await startGateway(fake, options);
  try {
    await run(harness);
  } finally {
    await harness.close();
    assert.equal(harness.gateway.stats().requestsInFlight, 0, 'every slot is given back');
    assert.equal(harness.gateway.stats().connections, 0);
  }
}

const url = (harness: Harness, path = '/a'): string => `http://127.0.0.1:${harness.port}${path}`;

test('an answer arrives with its status, fields and body, an id, and one line in the log', async () => {
  await withGateway(
    answers('hello', ['x-own', 'yes', 'set-cookie', 'a=1', 'set-cookie', 'b=2']),
    async (harness) => {
      const response = await fetch(url(harness, '/a?token=1'), { headers: { accept: 'x/y' } });
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

test('an unknown path is 404, a wrong method 405 with Allow, and neither reaches a function', async () => {
  await withGateway(answers('x'), async (harness) => {
    const wrong = await fetch(url(harness, '/get'), { method: 'POST', body: 'x' });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'GET, HEAD');
    await wrong.body?.cancel();
    assert.equal(harness.invocations.length, 0);
    const right = await fetch(url(harness, '/get'));
    assert.equal(right.status, 200);
    await right.body?.cancel();
  });
});

test('a control route answers 401 to anyone but the holder of the token, with a security event', async () => {
  await withGateway(answers('secret'), async (harness) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }]) {
      const refused = await fetch(url(harness, '/private'), { headers });
      assert.equal(refused.status, 401);
      assert.equal(
        ((await refused.json()) as { error: { code: string } }).error.code,
        'CORDON_UNAUTHENTICATED',
      );
    }
    assert.equal(harness.invocations.length, 0);
    assert.equal(harness.events.filter(({ kind }) => kind === 'auth.failed').length, 2);
    const served = await fetch(url(harness, '/private'), { headers: { authorization: 'Bearer right' } });
    assert.equal(await served.text(), 'secret');
  });
});

test('a small body arrives in one go, and a large one as a stream with its own pace', async () => {
  const echo: FakeFunction = (invocation) => {
    const answer = (): void => {
      const bytes = invocation.received.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      invocation.sink.head(200, [], Buffer.from(String(bytes)), true);
    };
    if (invocation.ended) answer();
    invocation.onEnd = answer;
  };
  await withGateway(echo, async (harness) => {
    const small = await fetch(url(harness), { method: 'POST', body: 'x'.repeat(65_536) });
    assert.equal(await small.text(), '65536');
    assert.equal((await harness.invocation(0)).request.body?.byteLength, 65_536);
    const large = await fetch(url(harness), { method: 'POST', body: 'x'.repeat(65_537) });
    assert.equal(await large.text(), '65537');
    assert.deepEqual(
      [(await harness.invocation(1)).request.body, (await harness.invocation(1)).request.streams],
      [null, true],
    );
  });
});

test('a body is paused while the function does not take it, and goes on when it does', async () => {
  let wrote: (() => void) | null = null;
  const fake: FakeFunction = (invocation) => {
    invocation.takes = false;
    invocation.onWrite = () => wrote?.();
    invocation.onEnd = () => invocation.sink.head(200, [], null, true);
  };
  await withGateway(fake, async (harness) => {
    const first = new Promise<void>((resolve) => (wrote = resolve));
    const answer = fetch(url(harness), { method: 'POST', body: 'x'.repeat(800_000) });
    await first;
    const invocation = await harness.invocation(0);
    const paused = invocation.received.length;
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(invocation.received.length, paused, 'nothing more after write returned false');
    invocation.takes = true;
    invocation.sink.drain();
    assert.equal((await answer).status, 200);
    assert.equal(Buffer.concat(invocation.received).length, 800_000);
  });
});

test('a chunked body of the longest length is taken, and one byte more is answered with 413', async () => {
  const fake: FakeFunction = (invocation) => {
    invocation.onEnd = () => invocation.sink.head(200, [], null, true);
  };
  await withGateway(
    fake,
    async (harness) => {
      const send = async (bytes: number): Promise<string> => {
        const client = new RawClient(harness.port);
        client.send(
          `POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n0\r\n\r\n`,
        );
        const text = await client.until(/\r\n\r\n/);
        client.socket.destroy();
        return text;
      };
      assert.match(await send(1000), /^HTTP\/1\.1 200 /);
      assert.match(await send(1001), /^HTTP\/1\.1 413 /);
      assert.equal((await harness.invocation(1)).aborted, true);
    },
    { functionLimits: { bodyBytes: 1000 } },
  );
});

test('100 Continue is sent only to a caller that was let in', async () => {
  const fake: FakeFunction = ({ sink, received }) => sink.head(200, [], received[0] ?? null, true);
  await withGateway(fake, async (harness) => {
    const client = new RawClient(harness.port);
    client.send(`POST /a HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`);
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    client.send('hello');
    await client.until(/HTTP\/1\.1 200 .*hello$/s);
    client.socket.destroy();
    for (const [path, length, status] of [
      ['/private', 5, 401],
      ['/a', 2_000_000, 413],
      ['/a%2f', 5, 400],
    ] as const) {
      const refused = new RawClient(harness.port);
      refused.send(
        `POST ${path} HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`,
      );
      const text = await refused.closed();
      assert.ok(text.startsWith(`HTTP/1.1 ${status} `), text);
      assert.match(text, /connection: close/i);
    }
    assert.equal(harness.invocations.length, 1);
  });
});

test('a refused upload gets to read its answer before the connection ends', async () => {
  await withGateway(answers('x'), async (harness) => {
    const response = await fetch(url(harness), { method: 'POST', body: Buffer.alloc(1_500_000) });
    assert.equal(response.status, 413);
    await response.body?.cancel();
    assert.equal(harness.invocations.length, 0);
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

test('a caller that reads slowly holds back the credit, and one that never reads is cut', async () => {
  const piece = Buffer.alloc(256 * 1024);
  await withGateway(
    ({ sink }) => sink.head(200, [], null, false),
    async (harness) => {
      const client = new RawClient(harness.port);
      client.socket.pause();
      client.send(GET);
      const invocation = await harness.invocation(0);
      const aborted = new Promise<void>((resolve) => (invocation.onAbort = resolve));
      let sent = 0;
      while (invocation.credited === sent && sent < 64 * piece.length) {
        invocation.sink.data(piece);
        sent += piece.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(invocation.credited < sent, 'no credit for what waits in the process');
      await aborted;
      client.socket.destroy();
    },
    { limits: { writeIdleTimeoutMs: 200 }, functionLimits: { responseBytes: 1e9 } },
  );
});

test('a caller that pauses inside its body is answered with 408 and the function is told', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\nabc`);
      assert.match(await client.closed(), /^HTTP\/1\.1 408 /);
      assert.equal((await harness.invocation(0)).aborted, true);
      const small = new RawClient(harness.port);
      small.send(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nabc`);
      assert.match(await small.closed(), /^HTTP\/1\.1 408 /);
      assert.equal(harness.invocations.length, 1, 'a small body is not dispatched before it is whole');
    },
    { limits: { bodyIdleTimeoutMs: 100, lingerTimeoutMs: 50 } },
  );
});

test('the function is told when its caller leaves', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(GET);
      const invocation = await harness.invocation(0);
      const aborted = new Promise<void>((resolve) => (invocation.onAbort = resolve));
      client.socket.destroy();
      await aborted;
      assert.match(harness.lines[0]?.message ?? '', /CORDON_CALLER_LEFT/);
    },
  );
});

test('errors of a function are opaque and carry the id of the log line', async () => {
  const error = new CordonError('CORDON_FUNCTION_ERROR', 'TypeError: secret at /srv/app.js:3', {
    cause: new Error('stack'),
  });
  await withGateway(fails(error), async (harness) => {
    const response = await fetch(url(harness));
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

test('an overloaded pool is answered with 503 and Retry-After', async () => {
  await withGateway(fails(new CordonError('CORDON_OVERLOADED')), async (harness) => {
    const response = await fetch(url(harness));
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    await response.body?.cancel();
  });
});

test('requests past those in flight are shed with 503 and Retry-After, and served once there is room', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const first = fetch(url(harness));
      const { sink } = await harness.invocation(0);
      const shed = await fetch(url(harness));
      assert.deepEqual([shed.status, shed.headers.get('retry-after')], [503, '1']);
      await shed.body?.cancel();
      sink.head(200, [], null, true);
      assert.equal((await first).status, 200);
      const next = fetch(url(harness));
      (await harness.invocation(1)).sink.head(200, [], null, true);
      assert.equal((await next).status, 200);
    },
    { limits: { requestsInFlightMax: 1 } },
  );
});

test('connections of one address past the limit are closed, and taken again when one has ended', async () => {
  await withGateway(
    answers('x'),
    async (harness) => {
      const first = new RawClient(harness.port);
      first.send(GET);
      await first.until(/ 200 /);
      const second = new RawClient(harness.port);
      assert.equal(await second.closed(), '');
      assert.equal(harness.events.filter(({ kind }) => kind === 'limit.exceeded').length, 1);
      first.socket.end();
      await first.closed();
      const third = new RawClient(harness.port);
      third.send(GET);
      await third.until(/ 200 /);
      third.socket.destroy();
    },
    { limits: { connectionsPerAddressMax: 1 } },
  );
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
        const response = await fetch(url(harness));
        assert.equal(response.status, complete ? 200 : 502);
        await response.body?.cancel();
      },
      { functionLimits: { responseBytes: 1000 } },
    );
    await withGateway(
      streamed,
      async (harness) => {
        const body = fetch(url(harness)).then((response) => response.arrayBuffer());
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
      await assert.rejects(fetch(url(harness)).then((response) => response.text()));
      assert.match(harness.lines[0]?.message ?? '', /CORDON_FUNCTION_CRASHED/);
    },
  );
});

test('a drain answers what is in flight and what arrives on open connections, then closes', async () => {
  const harness = await startGateway(() => undefined);
  const client = new RawClient(harness.port);
  client.send(GET);
  const first = await harness.invocation(0);
  const closing = harness.gateway.close();
  await assert.rejects(fetch(url(harness)), 'no new connection');
  client.send(GET);
  const second = await harness.invocation(1);
  first.sink.head(200, [], Buffer.from('first'), true);
  second.sink.head(200, [], Buffer.from('second'), true);
  const text = await client.closed();
  await closing;
  assert.match(text, /first/);
  assert.match(text, /connection: close/i);
  assert.equal(harness.gateway.stats().requestsInFlight, 0);
});

test('a drain ends after its time even where a function never answers', async () => {
  const harness = await startGateway(() => undefined);
  const client = new RawClient(harness.port);
  client.send(GET);
  const invocation = await harness.invocation(0);
  await harness.gateway.close(50);
  await client.closed();
  assert.equal(invocation.aborted, true);
});

test('a flood of refusals does not flood the evidence', async () => {
  await withGateway(
    answers('x'),
    async (harness) => {
      const client = new RawClient(harness.port);
      const drained = once(client.socket, 'connect');
      await drained;
      for (let i = 0; i < 30; i++) {
        client.text = '';
        client.send(`GET /a%2f HTTP/1.1\r\n${HOST}\r\n`);
        await client.until(/}}$/);
      }
      const refused = harness.events.filter(({ kind }) => kind === 'request.target_refused').length;
      assert.ok(refused >= 5 && refused < 15, String(refused));
      client.socket.destroy();
    },
    { limits: { securityEventsPerSecondMax: 1 } },
  );
});
