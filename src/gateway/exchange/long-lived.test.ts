import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { systemClock } from '../../contract/index.ts';
import type { Credentials, Verdict } from '../../identity/index.ts';
import { ConcurrencyRules, OpenCounts } from '../../rate/index.ts';
import { withGateway } from '../gateway.fixture.ts';
import type { FakeFunction, Harness } from '../gateway.fixture.ts';
import { CALLER, FakeAuthenticator, GOOD, guarded, idle, until } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const GET = 'GET /keyed HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\n\r\n';
/** What the tick of a gateway follows, so that tests need not wait. */
const limits = { lingerTimeoutMs: 40 };

const streams: FakeFunction = ({ sink }) =>
  sink.head(200, ['content-type', 'text/event-stream'], Buffer.from('data: 1\n\n'), false);
const accepts: FakeFunction = ({ sink }) => sink.head(101, [], null, false);

/** One whose callers have to be identified again from a moment on that a test sets. */
class ExpiringAuthenticator extends FakeAuthenticator {
  expiresAt = Number.POSITIVE_INFINITY;

  override isCurrent(): boolean {
    if (Number.isNaN(this.expiresAt)) throw new Error('the store is gone');
    return this.isValid && systemClock.now() < this.expiresAt;
  }
}

const ENDS: readonly (readonly [string, (authenticator: ExpiringAuthenticator) => void])[] = [
  ['has expired', (authenticator) => (authenticator.expiresAt = 0)],
  ['was revoked', (authenticator) => authenticator.close()],
  ['can be judged no more', (authenticator) => (authenticator.expiresAt = Number.NaN)],
];

async function openStream(harness: Harness): Promise<RawClient> {
  const client = new RawClient(harness.port);
  client.send(GET);
  await client.until(/data: 1/);
  return client;
}

async function openWebSocket(harness: Harness): Promise<WebSocket> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${harness.port}/keyed`, { headers: GOOD });
  await once(webSocket, 'open');
  return webSocket;
}

/** Status that a handshake is refused with. */
async function refusalOf(webSocket: WebSocket): Promise<number> {
  webSocket.on('error', () => undefined);
  const [, refused] = (await once(webSocket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; destroy(): void },
  ];
  refused.destroy();
  return refused.statusCode;
}

describe('a stream', () => {
  for (const [what, end] of ENDS) {
    it(`is cut, and its function told, once the credential of its caller ${what}`, async () => {
      const authenticator = new ExpiringAuthenticator();
      await withGateway(
        streams,
        async (harness) => {
          const client = await openStream(harness);
          const { sink } = await harness.invocation(0);
          sink.data(Buffer.from('data: 2\n\n'));
          await client.until(/data: 2/);
          end(authenticator);
          const text = await client.closed();
          assert.doesNotMatch(text, /0\r\n\r\n$/, 'it does not look like a complete answer');
          await idle(harness);
          assert.equal((await harness.invocation(0)).aborted, true);
          assert.match(harness.lines.at(-1)?.message ?? '', /CORDON_UNAUTHENTICATED/);
        },
        { ...guarded({ authenticator }), limits },
      );
    });
  }

  it('of a credential that is good goes on', async () => {
    const authenticator = new ExpiringAuthenticator();
    let asked = 0;
    authenticator.isCurrent = () => (asked += 1) > 0;
    await withGateway(
      streams,
      async (harness) => {
        const client = await openStream(harness);
        await until(() => asked > 5);
        (await harness.invocation(0)).sink.end();
        await client.until(/0\r\n\r\n$/);
        client.socket.destroy();
      },
      { ...guarded({ authenticator }), limits },
    );
  });
});

describe('a WebSocket', () => {
  for (const [what, end] of ENDS) {
    it(`is closed, and carries nothing more, once the credential of its caller ${what}`, async () => {
      const authenticator = new ExpiringAuthenticator();
      await withGateway(
        accepts,
        async (harness) => {
          const webSocket = await openWebSocket(harness);
          const invocation = await harness.invocation(0);
          end(authenticator);
          const [code] = (await once(webSocket, 'close')) as [number];
          assert.equal(code, 1008);
          assert.equal(invocation.aborted, true);
          assert.equal(invocation.received.length, 0);
          await idle(harness);
        },
        { ...guarded({ authenticator }), limits },
      );
    });
  }

  it('gives back what it counts for when it is closed so', async () => {
    const authenticator = new ExpiringAuthenticator();
    const scope = { project: 'default', route: 'shop/main * /keyed' };
    const concurrency = new ConcurrencyRules(new OpenCounts(), [{ count: 1, per: 'key' }], scope);
    await withGateway(
      accepts,
      async (harness) => {
        const first = await openWebSocket(harness);
        authenticator.isValid = false;
        await once(first, 'close');
        await until(() => harness.gateway.stats().webSockets === 0);
        authenticator.isValid = true;
        const second = await openWebSocket(harness);
        second.terminate();
      },
      { ...guarded({ authenticator, concurrency }), limits },
    );
  });

  it('is refused to a caller who is not known, before its function is asked', async () => {
    await withGateway(
      accepts,
      async (harness) => {
        const webSocket = new WebSocket(`ws://127.0.0.1:${harness.port}/keyed`);
        assert.equal(await refusalOf(webSocket), 401);
        assert.equal(harness.invocations.length, 0);
      },
      guarded(),
    );
  });

  it('is judged like any request, by an empty body and within the time for that', async () => {
    const bodies: (number | undefined)[] = [];
    const says = ({ body, authorization }: Credentials): Verdict | Promise<Verdict> => {
      bodies.push(body?.byteLength);
      return authorization === null ? new Promise(() => undefined) : { ok: true, caller: CALLER };
    };
    await withGateway(
      accepts,
      async (harness) => {
        (await openWebSocket(harness)).terminate();
        const webSocket = new WebSocket(`ws://127.0.0.1:${harness.port}/keyed`);
        assert.equal(await refusalOf(webSocket), 503);
        assert.deepEqual(bodies, [0, 0]);
        assert.equal(harness.invocations.length, 1);
      },
      {
        ...guarded({ authenticator: new FakeAuthenticator(says, true) }),
        limits: { guardsTimeoutMs: 40, bodyIdleTimeoutMs: 40 },
      },
    );
  });

  it('whose caller leaves while it is identified reaches nobody', async () => {
    const pending = Promise.withResolvers<{ ok: true; caller: typeof CALLER }>();
    const authenticator = new FakeAuthenticator(() => pending.promise);
    await withGateway(
      accepts,
      async (harness) => {
        const webSocket = new WebSocket(`ws://127.0.0.1:${harness.port}/keyed`, { headers: GOOD });
        webSocket.on('error', () => undefined);
        await until(() => authenticator.asked === 1);
        webSocket.terminate();
        pending.resolve({ ok: true, caller: CALLER });
        await idle(harness);
        assert.ok(harness.invocations.every(({ aborted }) => aborted));
        assert.equal(harness.gateway.stats().webSockets, 0);
      },
      guarded({ authenticator }),
    );
  });
});
