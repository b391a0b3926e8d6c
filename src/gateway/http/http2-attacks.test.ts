import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { TransportOptions } from '../../transport/index.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import {
  fieldBlock,
  FLAG,
  frame,
  FRAME,
  FrameClient,
  get,
  replaced,
  statusOf,
  uint32,
} from './frame-client.fixture.ts';
import { answers, startGateway, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';

const ENHANCE_YOUR_CALM = 11;
const LIMITS = {
  http2ResetsMax: 20,
  bodyIdleTimeoutMs: 1000,
  http2OverheadBytesPerSecondMax: 1024,
  http2WindowBytes: 1024,
  http2StreamsMax: 8,
};

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

test('a reset that claims no error does not complete a body', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      const client = await FrameClient.open(waiting.port);
      client.send(FRAME.headers, FLAG.endHeaders, 1, fieldBlock(replaced(':method', 'POST')));
      client.send(FRAME.data, 0, 1, Buffer.from('half'));
      const invocation = await waiting.invocation(0);
      const aborted = new Promise<void>((resolve) => (invocation.onAbort = resolve));
      client.send(FRAME.reset, 0, 1, uint32(0));
      await aborted;
      assert.equal(invocation.ended, false);
      client.destroy();
    },
    { transport },
  );
});

test('rapid reset ends the session with ENHANCE_YOUR_CALM and an event, and a few resets do not', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      const patient = await FrameClient.open(waiting.port);
      const hasty = await FrameClient.open(waiting.port);
      const reset = (client: FrameClient, count: number): void => {
        for (let i = 0; i < count; i++) {
          client.request(i * 2 + 1);
          client.send(FRAME.reset, 0, i * 2 + 1, uint32(8));
        }
      };
      reset(patient, LIMITS.http2ResetsMax);
      reset(hasty, LIMITS.http2ResetsMax + 10);
      assert.equal(await hasty.goneWith(), ENHANCE_YOUR_CALM);
      patient.send(FRAME.ping, 0, 0, Buffer.alloc(8));
      await patient.until(({ type, flags }) => type === FRAME.ping && flags === FLAG.ack);
      assert.equal(patient.closed, false);
      assert.ok(waiting.invocations.every(({ aborted }) => aborted));
      assert.ok(
        waiting.invocations.length <= LIMITS.http2ResetsMax * 2 + 2,
        String(waiting.invocations.length),
      );
      assert.ok(
        waiting.events.some(
          ({ kind, detail }) => kind === 'limit.exceeded' && /reset/.test(String(detail['rule'])),
        ),
      );
      patient.destroy();
    },
    { transport, limits: { http2ResetsMax: LIMITS.http2ResetsMax } },
  );
});

test('streams that the caller makes the server reset count too', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      const client = await FrameClient.open(waiting.port);
      for (let i = 0; i < 2000 && !client.closed; i++) {
        client.request(i * 2 + 1);
        // An increment of zero is an error of the stream (RFC 9113 section 6.9).
        client.send(FRAME.window, 0, i * 2 + 1, uint32(0));
      }
      assert.notEqual(await client.goneWith(), 0);
      assert.ok(waiting.invocations.length <= LIMITS.http2ResetsMax + 1, String(waiting.invocations.length));
    },
    { transport, limits: { http2ResetsMax: LIMITS.http2ResetsMax } },
  );
});

test('a flood of CONTINUATION ends the session', async () => {
  const client = await FrameClient.open(harness.port);
  const before = harness.invocations.length;
  client.send(FRAME.headers, FLAG.endStream, 1, fieldBlock(get('/a')));
  for (let i = 0; i < 1000 && !client.closed; i++)
    client.send(FRAME.continuation, 0, 1, fieldBlock([['x', 'y']]));
  await client.goneWith();
  assert.equal(harness.invocations.length, before);
});

const floods: Record<string, Buffer> = {
  PING: frame(FRAME.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: frame(FRAME.settings, 0, 0, Buffer.alloc(0)),
  PRIORITY: frame(FRAME.priority, 0, 99, Buffer.from([0, 0, 0, 0, 16])),
  WINDOW_UPDATE: frame(FRAME.window, 0, 1, uint32(1)),
  'empty DATA': frame(FRAME.data, 0, 1, Buffer.alloc(0)),
  'unknown frames': frame(0x42, 0, 0, Buffer.alloc(0)),
};

for (const [what, bytes] of Object.entries(floods)) {
  test(`a flood of ${what} ends the session, and another session is served meanwhile`, async () => {
    await withGateway(
      ({ request, sink }) => {
        if (!request.streams) sink.head(200, [], Buffer.from('ok'), true);
      },
      async (flooded) => {
        const client = await FrameClient.open(flooded.port);
        client.send(FRAME.headers, FLAG.endHeaders, 1, fieldBlock(replaced(':method', 'POST')));
        const many = Buffer.concat(Array.from({ length: 1000 }, () => bytes));
        const flood = setInterval(() => client.sendBytes(many), 5);
        const other = await FrameClient.open(flooded.port);
        other.request(1);
        assert.equal(await statusOf(other, 1), 200);
        other.destroy();
        await client.goneWith();
        clearInterval(flood);
      },
      { transport, limits: LIMITS },
    );
  });
}

test('streams past those at once are refused, and served once there is room', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      const client = await FrameClient.open(waiting.port);
      await client.until(({ type, flags }) => type === FRAME.settings && flags === FLAG.ack);
      for (let i = 0; i <= LIMITS.http2StreamsMax; i++) client.request(i * 2 + 1);
      const refused = await client.until(({ type }) => type === FRAME.reset || type === FRAME.goaway);
      assert.equal(refused.stream, LIMITS.http2StreamsMax * 2 + 1);
      assert.equal(waiting.invocations.length, LIMITS.http2StreamsMax);
      waiting.invocations[0]?.sink.head(200, [], null, true);
      await statusOf(client, 1);
      client.request(101);
      await waiting.invocation(LIMITS.http2StreamsMax);
      client.destroy();
    },
    { transport, limits: { http2StreamsMax: LIMITS.http2StreamsMax } },
  );
});

test('invalid streams are refused one by one, and too many of them end the session', async () => {
  await withGateway(
    answers('ok'),
    async (strict) => {
      const invalid = get('/a', ['X-Upper', 'y']);
      const client = await FrameClient.open(strict.port);
      for (let i = 0; i < 5; i++) client.request(i * 2 + 1, invalid);
      client.request(11);
      assert.equal(await statusOf(client, 11), 200);
      for (let i = 6; i < 50; i++) client.request(i * 2 + 1, invalid);
      assert.notEqual(await client.goneWith(), 0);
      assert.equal(strict.invocations.length, 1);
    },
    { transport, limits: { http2InvalidFramesMax: 10 } },
  );
});

test('a body fills its window while nobody reads it, and one byte more is an error of the stream', async () => {
  await withGateway(
    (invocation) => void (invocation.takes = false),
    async (full) => {
      for (const [bytes, isWithin] of [
        [1024, true],
        [1025, false],
      ] as const) {
        const client = await FrameClient.open(full.port);
        await client.until(({ type, flags }) => type === FRAME.settings && flags === FLAG.ack);
        client.send(FRAME.settings, FLAG.ack, 0);
        client.send(FRAME.headers, FLAG.endHeaders, 1, fieldBlock(replaced(':method', 'POST')));
        client.send(FRAME.data, 0, 1, Buffer.alloc(bytes));
        client.send(FRAME.ping, 0, 0, Buffer.alloc(8));
        const seen = await client.until(
          ({ type, flags }) =>
            type === FRAME.reset || type === FRAME.goaway || (type === FRAME.ping && flags === FLAG.ack),
        );
        assert.equal(seen.type === FRAME.ping, isWithin);
        client.destroy();
      }
    },
    { transport, limits: { http2WindowBytes: 1024 } },
  );
});

test('an idle session is closed, also one that holds back the end of its headers or keeps pinging', async () => {
  await withGateway(
    answers('ok'),
    async (idle) => {
      const clients = await Promise.all([1, 2, 3].map(() => FrameClient.open(idle.port)));
      clients[1]?.send(FRAME.headers, FLAG.endStream, 1, fieldBlock(get('/a')));
      const pings = setInterval(() => clients[2]?.send(FRAME.ping, 0, 0, Buffer.alloc(8)), 20);
      for (const client of clients) await client.goneWith();
      clearInterval(pings);
      assert.equal(idle.invocations.length, 0);
    },
    { transport, limits: { keepAliveTimeoutMs: 100, bodyIdleTimeoutMs: 80, lingerTimeoutMs: 80 } },
  );
});

test('a caller that never opens its window is cut, and so is one that never sends its body', async () => {
  await withGateway(
    (invocation) => {
      if (!invocation.request.streams) invocation.sink.head(200, [], Buffer.alloc(100_000), true);
    },
    async (slow) => {
      const client = await FrameClient.open(slow.port);
      client.request(1);
      const { payload } = await client.until(({ type, stream }) => type === FRAME.reset && stream === 1);
      assert.equal(payload.readUInt32BE(0), 8);
      client.send(FRAME.headers, FLAG.endHeaders, 3, fieldBlock(replaced(':method', 'POST')));
      await client.until(({ type, stream }) => type === FRAME.headers && stream === 3);
      client.destroy();
    },
    { transport, limits: { writeIdleTimeoutMs: 80, bodyIdleTimeoutMs: 80 } },
  );
});
