import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { answers, fails, startGateway, urlOf, withGateway } from './gateway.fixture.ts';
import { RawClient } from './http/raw-client.fixture.ts';

const HOST = 'Host: shop.example\r\n';
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;

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

test('an overloaded pool is answered with 503 and Retry-After', async () => {
  await withGateway(fails(new CordonError('CORDON_OVERLOADED')), async (harness) => {
    const response = await fetch(urlOf(harness));
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1']);
    await response.body?.cancel();
  });
});

test('requests past those in flight are shed with 503 and Retry-After, and served once there is room', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const first = fetch(urlOf(harness));
      const { sink } = await harness.invocation(0);
      const shed = await fetch(urlOf(harness));
      assert.deepEqual([shed.status, shed.headers.get('retry-after')], [503, '1']);
      await shed.body?.cancel();
      sink.head(200, [], null, true);
      assert.equal((await first).status, 200);
      const next = fetch(urlOf(harness));
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

test('a drain answers what is in flight and what arrives on open connections, then closes', async () => {
  const harness = await startGateway(() => undefined);
  const client = new RawClient(harness.port);
  client.send(GET);
  const first = await harness.invocation(0);
  const closing = harness.gateway.close();
  await assert.rejects(fetch(urlOf(harness)), 'no new connection');
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

test('pipelined requests up to the limit are served, and one more is refused in its turn', async () => {
  await withGateway(
    () => undefined,
    async (harness) => {
      const client = new RawClient(harness.port);
      client.send(GET + GET + GET);
      const second = await harness.invocation(1);
      second.sink.head(200, [], Buffer.from('second'), true);
      (await harness.invocation(0)).sink.head(200, [], Buffer.from('first'), true);
      const text = await client.closed();
      assert.match(text, / 200 .*first.* 200 .*second.* 503 .*CORDON_OVERLOADED/s);
      assert.equal(harness.invocations.length, 2);
    },
    { limits: { pipelinedRequestsMax: 2 } },
  );
});

test('no request is lost while callers keep asking and the gateway drains', async () => {
  const harness = await startGateway(
    ({ sink }) => void setImmediate(() => sink.head(200, [], Buffer.from('ok'), true)),
  );
  let answered = 0;
  const clients = Array.from({ length: 8 }, () => new RawClient(harness.port));
  const asking = clients.map(async (client) => {
    for (;;) {
      client.text = '';
      client.send(GET);
      const text = await client.until(/ok$/);
      answered += 1;
      if (/connection: close/i.test(text)) return;
    }
  });
  await harness.invocation(40);
  await harness.gateway.close();
  await Promise.all(asking);
  assert.equal(answered, harness.invocations.length);
});
