import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import type { OutgoingHttpHeaders } from 'node:http2';
import { describe, it } from 'node:test';
import { CordonError } from '../../contract/index.ts';
import type { CorsSpec } from '../../manifest/index.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import { answers, fails, urlOf, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction, Harness } from '../gateway.fixture.ts';
import type { RouteGuard } from '../guards/guard.ts';
import { GOOD, guarded, keyedApp } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';
import { compileResponsePolicy, NO_ROUTE } from '../http/response-policy.ts';

const ORIGIN = 'https://shop.example';
const CORS: CorsSpec = {
  origins: [ORIGIN],
  methods: ['GET', 'PUT'],
  headers: ['authorization'],
  exposed: [],
  credentials: false,
  maxAgeMs: 600_000,
};
const response = compileResponsePolicy({ ...NO_ROUTE, cors: CORS });
const PREFLIGHT = { origin: ORIGIN, 'access-control-request-method': 'PUT' } as const;

/** An app whose route pages of another origin may call. */
const shared = (guard: Partial<RouteGuard> = {}) => ({
  ...guarded({ response, ...guard }),
  apps: [keyedApp({ responseBytes: 100 }, { cors: CORS })],
});

function assertSafe(headers: Readonly<Record<string, unknown>>): void {
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.equal(headers['x-frame-options'], 'DENY');
  assert.match(String(headers['content-security-policy']), /default-src 'self'/);
}

describe('every answer of a route', () => {
  it('is safe to look at and can be read by the page that asked, also where it is a refusal', async () => {
    const large: FakeFunction = ({ sink }) => sink.head(200, [], Buffer.alloc(101), true);
    const broken: FakeFunction = ({ sink }) => sink.head(200, ['bad name', 'x'], null, true);
    const cases: [FakeFunction, RequestInit, number, Partial<RouteGuard>][] = [
      [answers('in'), { headers: GOOD }, 200, {}],
      [answers('in'), {}, 401, {}],
      [answers('in'), { headers: GOOD }, 403, { scopes: ['write'] }],
      [answers('in'), { headers: GOOD, method: 'PUT', body: 'x'.repeat(2 * 1024 * 1024) }, 413, {}],
      [fails(new CordonError('CORDON_OVERLOADED', 'queue')), { headers: GOOD }, 503, {}],
      [fails(new CordonError('CORDON_FUNCTION_ERROR', 'x')), { headers: GOOD }, 500, {}],
      [large, { headers: GOOD }, 502, {}],
      [broken, { headers: GOOD }, 502, {}],
    ];
    for (const [fake, init, status, guard] of cases) {
      await withGateway(
        fake,
        async (harness) => {
          for (const [origin, told] of [
            [ORIGIN, ORIGIN],
            ['https://evil.example', null],
          ] as const) {
            const headers = { ...(init.headers as Record<string, string>), origin };
            const answer = await fetch(urlOf(harness, '/keyed'), { ...init, headers });
            assert.equal(answer.status, status);
            assertSafe(Object.fromEntries(answer.headers));
            assert.equal(answer.headers.get('access-control-allow-origin'), told, String(status));
            assert.match(answer.headers.get('vary') ?? '', /origin/);
            await answer.body?.cancel();
          }
        },
        shared(guard),
      );
    }
  });

  it('is safe to look at where there is no route', async () => {
    await withGateway(answers('in'), async (harness) => {
      const unknown = await fetch(urlOf(harness, '/get'), { method: 'PUT', body: 'x' });
      assert.equal(unknown.status, 405);
      assertSafe(Object.fromEntries(unknown.headers));
    });
  });

  it('says the same over HTTP/2, and asks for TLS from then on', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const ask = http2Of(harness);
        for (const [sent, status] of [
          [{ ...GOOD, origin: ORIGIN }, 200],
          [{ origin: ORIGIN }, 401],
          [{ ...PREFLIGHT, ':method': 'OPTIONS' }, 204],
        ] as const) {
          const headers = await ask(sent);
          assert.equal(headers[':status'], status);
          assertSafe(headers);
          assert.equal(headers['access-control-allow-origin'], ORIGIN);
          assert.match(String(headers['strict-transport-security']), /max-age=\d+/);
        }
        ask.close();
      },
      { ...shared(), transport: await tlsTransport() },
    );
  });

  it('holds nothing that is for the gateway to say', async () => {
    const owned = [
      ...['x-frame-options', 'ALLOWALL', 'content-security-policy', '*', 'x-cordon-identity', '{}'],
      ...['access-control-allow-origin', '*', 'Access-Control-Allow-Credentials', 'true'],
      ...['connection', 'x-own', 'keep-alive', 'timeout=999', 'upgrade', 'h2c', 'alt-svc', 'h3=":1"'],
      ...['set-cookie', 'cordon-shop.staff=evil', 'set-cookie', '=cordon-shop.staff=evil'],
      ...['set-cookie', ' =\t__Host-CORDON-shop.staff=evil', 'set-cookie', 'cordon-shop.staff'],
      ...['x-request-id', 'req_evil', 'transfer-encoding', 'chunked'],
      ...['set-cookie', 'theme=dark', 'x-own', 'yes'],
    ];
    await withGateway(
      answers('in', owned),
      async (harness) => {
        const answer = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(await answer.text(), 'in');
        assertSafe(Object.fromEntries(answer.headers));
        assert.deepEqual(answer.headers.getSetCookie(), ['theme=dark']);
        assert.equal(answer.headers.get('x-own'), 'yes');
        for (const name of ['x-cordon-identity', 'upgrade', 'alt-svc', 'transfer-encoding']) {
          assert.equal(answer.headers.get(name), null, name);
        }
        assert.ok(!JSON.stringify([...answer.headers]).includes('evil'));
        assert.equal(answer.headers.get('access-control-allow-origin'), null);
      },
      shared(),
    );
  });

  it('cannot be made two by the fields of a function', async () => {
    for (const value of ['a\r\nset-cookie: b=1', 'a\nb', 'a\0b', 'a\r\n\r\nHTTP/1.1 200 OK', 'a\u010a']) {
      await withGateway(
        answers('in', ['x-own', value]),
        async (harness) => {
          const answer = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
          assert.equal(answer.status, 502);
          assert.equal(answer.headers.get('set-cookie'), null);
          await answer.body?.cancel();
        },
        shared(),
      );
    }
  });
});

describe('a preflight', () => {
  const ask = (harness: Harness, more: Record<string, string> = {}) =>
    fetch(urlOf(harness, '/keyed'), { method: 'OPTIONS', headers: { ...PREFLIGHT, ...more } });

  it('is answered without credentials, and without a word to the function', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const allowed = await ask(harness);
        assert.equal(allowed.status, 204);
        assert.equal(allowed.headers.get('access-control-allow-origin'), ORIGIN);
        assert.equal(allowed.headers.get('access-control-allow-methods'), 'GET, PUT, HEAD');
        assert.match(allowed.headers.get('x-request-id') ?? '', /^req_/);
        assertSafe(Object.fromEntries(allowed.headers));
        assert.equal(harness.events.length, 0);
        for (const more of [
          { origin: 'https://evil.example' },
          { 'access-control-request-method': 'DELETE' },
          { 'access-control-request-headers': 'x-other' },
        ]) {
          const refused = await ask(harness, more);
          assert.equal(refused.status, 204);
          assert.equal(refused.headers.get('access-control-allow-origin'), null);
          assert.equal(refused.headers.get('access-control-allow-methods'), null);
          assertSafe(Object.fromEntries(refused.headers));
        }
        assert.deepEqual([...new Set(harness.events.map(({ kind }) => kind))], ['access.denied']);
        assert.equal(harness.invocations.length, 0);
      },
      shared(),
    );
  });

  it('that waits to be asked for a body ends its connection, so that the body is no request', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        const smuggled = 'GET /open HTTP/1.1\r\nHost: shop.example\r\n\r\n';
        client.send(
          `OPTIONS /keyed HTTP/1.1\r\nHost: shop.example\r\nOrigin: ${ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n` +
            `Expect: 100-continue\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
        );
        await client.until(/\r\n\r\n/);
        client.send(smuggled);
        const text = await client.closed();
        assert.match(text, /^HTTP\/1\.1 204 .*connection: close/is);
        assert.ok(!text.includes('100 Continue'));
        assert.equal(harness.invocations.length, 0);
      },
      shared(),
    );
  });

  it('of a route that is not shared is an ordinary request, with all that guards it', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        assert.equal((await ask(harness)).status, 401);
        assert.equal(harness.invocations.length, 0);
      },
      guarded(),
    );
  });
});

/** Asks for `/keyed` over one session of HTTP/2 and gives the head of the answer. */
function http2Of({ port }: Harness) {
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  const ask = async (headers: OutgoingHttpHeaders): Promise<Record<string, unknown>> => {
    const stream = session.request({ ':authority': 'shop.example', ':path': '/keyed', ...headers });
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    stream.resume();
    await once(stream, 'close');
    return head;
  };
  return Object.assign(ask, { close: () => session.close() });
}
