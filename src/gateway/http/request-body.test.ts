import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answers, urlOf, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction } from '../gateway.fixture.ts';
import { RawClient } from './raw-client.fixture.ts';

const HOST = 'Host: shop.example\r\n';

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
    const small = await fetch(urlOf(harness), { method: 'POST', body: 'x'.repeat(65_536) });
    assert.equal(await small.text(), '65536');
    assert.equal((await harness.invocation(0)).request.body?.byteLength, 65_536);
    const large = await fetch(urlOf(harness), { method: 'POST', body: 'x'.repeat(65_537) });
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
    const answer = fetch(urlOf(harness), { method: 'POST', body: 'x'.repeat(800_000) });
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
    const response = await fetch(urlOf(harness), { method: 'POST', body: Buffer.alloc(1_500_000) });
    assert.equal(response.status, 413);
    await response.body?.cancel();
    assert.equal(harness.invocations.length, 0);
  });
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

test('a function may answer before it has read the body, and the connection goes on', async () => {
  const early: FakeFunction = ({ sink, request }) => sink.head(200, [], Buffer.from(request.method), true);
  await withGateway(early, async (harness) => {
    const client = new RawClient(harness.port);
    client.send(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 500000\r\n\r\n`);
    await client.until(/POST$/);
    client.send('x'.repeat(500_000));
    client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await client.until(/GET$/);
    client.socket.destroy();
  });
});

test('what follows an early answer is read away up to its limits, then the connection ends', async () => {
  const early: FakeFunction = ({ sink }) => sink.head(200, [], Buffer.from('early'), true);
  for (const [limits, sends] of [
    [{ lingerBytesMax: 1000 }, 70_000],
    [{ lingerTimeoutMs: 20 }, 10],
  ] as const) {
    await withGateway(
      early,
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 500000\r\n\r\n`);
        await client.until(/early$/);
        client.send('x'.repeat(sends));
        await client.closed();
      },
      { limits },
    );
  }
});
