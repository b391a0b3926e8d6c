import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { before, describe, it } from 'node:test';
import type { Verdict } from '../../identity/index.ts';
import type { TransportOptions } from '../../transport/index.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import { answers, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import type { AccessDecision } from '../guards/guard.ts';
import { CALLER, FakeAuthenticator, GOOD, guarded, until } from '../guards/guards.fixture.ts';
import { countResponses, RawClient } from '../http/raw-client.fixture.ts';

const GET = 'GET /keyed HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\n\r\n';
const HOST = { ':authority': 'shop.example' } as const;
const GOOD_VERDICT: Verdict = { ok: true, caller: CALLER };
const ALLOWED: AccessDecision = { allowed: true, policies: [], reason: 'allowed' };

let transport: TransportOptions;
before(async () => {
  transport = await tlsTransport();
});

/** A session of HTTP/2 whose requests are known to the authenticator. */
function sessionOf({ port }: Harness): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  return session;
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  const endStream = headers[':method'] !== 'POST';
  const fields = { ...HOST, ':path': '/keyed', ...GOOD, ...headers };
  const stream = session.request(fields, { endStream });
  stream.on('error', () => undefined);
  return stream;
}

async function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  stream.resume();
  return headers[':status'];
}

describe('a request of HTTP/1.1 that is judged', () => {
  it('is answered in its turn, before what follows it on its connection', async () => {
    const pending = Promise.withResolvers<Verdict>();
    const authenticator = new FakeAuthenticator(() => pending.promise);
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${GET}GET /open HTTP/1.1\r\nHost: shop.example\r\n\r\nnonsense\r\n\r\n`);
        await until(() => authenticator.asked > 0 && harness.events.length > 0);
        assert.equal(client.text, '');
        pending.resolve(GOOD_VERDICT);
        const text = await client.closed();
        const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
        assert.deepEqual(statuses, ['200', '200', '400']);
      },
      guarded({ authenticator }),
    );
  });

  it('counts among those of its connection', async () => {
    const authenticator = new FakeAuthenticator(() => new Promise(() => undefined));
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(GET.repeat(3));
        const text = await client.closed();
        assert.equal(authenticator.asked, 2);
        assert.ok(countResponses(text) <= 3);
        assert.equal(harness.invocations.length, 0);
        assert.ok(harness.lines.some(({ message }) => /requests on one connection/.test(message)));
      },
      { ...guarded({ authenticator }), limits: { pipelinedRequestsMax: 2, guardsTimeoutMs: 40 } },
    );
  });
});

describe('a request of HTTP/2 that is judged', () => {
  it('is refused once its time is up, and its session goes on', async () => {
    const authenticator = new FakeAuthenticator((credentials) =>
      credentials.field('x-slow') === null ? GOOD_VERDICT : new Promise(() => undefined),
    );
    await withGateway(
      answers('in'),
      async (harness) => {
        const session = sessionOf(harness);
        const slow = ask(session, { 'x-slow': 'yes' });
        assert.equal(await statusOf(ask(session)), 200);
        assert.equal(await statusOf(slow), 503);
        assert.equal(await statusOf(ask(session)), 200);
        assert.equal(harness.invocations.length, 2);
        session.close();
      },
      { ...guarded({ authenticator }), limits: { guardsTimeoutMs: 40 }, transport },
    );
  });

  for (const [what, code] of [
    ['with an error', constants.NGHTTP2_CANCEL],
    ['without an error', constants.NGHTTP2_NO_ERROR],
  ] as const) {
    for (const method of ['GET', 'POST']) {
      it(`gives back what it holds where its ${method} is reset ${what}, and its session goes on`, async () => {
        const decisions = [Promise.withResolvers<AccessDecision>(), Promise.withResolvers<AccessDecision>()];
        let asked = 0;
        const access = { decide: () => decisions[(asked += 1) - 1]?.promise ?? ALLOWED };
        await withGateway(
          answers('in'),
          async (harness) => {
            const session = sessionOf(harness);
            const stream = ask(session, { ':method': method });
            if (method === 'POST') stream.write('part of it');
            await until(() => asked === 1);
            assert.equal(harness.gateway.stats().requestsInFlight, 1);
            stream.close(code);
            await until(() => harness.gateway.stats().requestsInFlight === 0);
            decisions[0]?.resolve(ALLOWED);
            decisions[1]?.resolve(ALLOWED);
            assert.equal(await statusOf(ask(session)), 200);
            assert.equal(harness.invocations.length, 1);
            session.close();
          },
          { ...guarded({ access }), transport },
        );
      });
    }
  }

  it('that has no body is judged by an empty one, at once', async () => {
    const bodies: (Uint8Array | null)[] = [];
    const authenticator = new FakeAuthenticator(({ body }) => {
      bodies.push(body);
      return GOOD_VERDICT;
    }, true);
    await withGateway(
      answers('in'),
      async (harness) => {
        const session = sessionOf(harness);
        assert.equal(await statusOf(ask(session)), 200);
        const post = session.request({ ':path': '/keyed', ':method': 'POST', ...HOST }, { endStream: true });
        assert.equal(await statusOf(post), 200);
        const ended = ask(session, { ':method': 'POST' });
        ended.end();
        assert.equal(await statusOf(ended), 200);
        assert.deepEqual(
          bodies.map((body) => body?.byteLength),
          [0, 0, 0],
        );
        session.close();
      },
      { ...guarded({ authenticator }), limits: { bodyIdleTimeoutMs: 40 }, transport },
    );
  });

  it('is not asked for its body where it is refused', async () => {
    const access = { decide: (): AccessDecision => ({ ...ALLOWED, allowed: false }) };
    await withGateway(
      answers('in'),
      async (harness) => {
        const session = sessionOf(harness);
        const stream = ask(session, { ':method': 'POST', expect: '100-continue' });
        let continued = false;
        stream.on('continue', () => (continued = true));
        assert.equal(await statusOf(stream), 403);
        assert.equal(continued, false);
        session.close();
      },
      { ...guarded({ access }), transport },
    );
  });
});
