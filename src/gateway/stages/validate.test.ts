import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest, withFiles } from '../../manifest/index.ts';
import { routeValidator } from '../../validation/index.ts';
import type { RouteValidator } from '../../validation/index.ts';
import type { AccessDecision } from '../guards/guard.ts';
import { answers, urlOf, withGateway } from '../gateway.fixture.ts';
import { GOOD, guarded, idle, keyedApp, until } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const SCHEMA = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
const HEAD =
  'POST /keyed HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n';

function orderValidator(): RouteValidator {
  const routes = [{ path: '/keyed', auth: 'public', body: 'order.json' }];
  const text = JSON.stringify({ name: 'shop', functions: { main: { entry: 'a.ts', routes } } });
  const manifest = withFiles(parseManifest(text), { 'order.json': JSON.stringify(SCHEMA) });
  const [route] = manifest.functions[0]?.routes ?? [];
  const validator = route === undefined ? null : routeValidator(manifest, route);
  assert.ok(validator !== null);
  return validator;
}

const validator = orderValidator();
const accessThat = (decide: () => AccessDecision | Promise<AccessDecision>) => ({ decide });
const DENIED: AccessDecision = { allowed: false, policies: ['only-staff'], reason: 'denied' };
const ALLOWED: AccessDecision = { allowed: true, policies: [], reason: 'allowed' };

describe('the body of a request', () => {
  it('is given to the function as it came where it follows the schema, and never else', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        for (const [body, status] of [
          ['{"n": 1}', 200],
          ['{"n":"1"}', 400],
          ['{"n":1,"n":2}', 400],
          ['', 400],
        ] as const) {
          const headers = { ...GOOD, 'content-type': 'application/json' };
          const answer = await fetch(urlOf(harness, '/keyed'), { method: 'POST', headers, body });
          assert.equal(answer.status, status, body);
          await answer.body?.cancel();
        }
        assert.equal(harness.invocations.length, 1);
        assert.equal(Buffer.concat((await harness.invocation(0)).received).toString(), '{"n": 1}');
      },
      guarded({ validator }),
    );
  });

  it('is not asked of a caller that may not send it', async () => {
    const cases = [
      [{ validator, access: accessThat(() => DENIED) }, HEAD, 403],
      [{ validator, access: accessThat(() => Promise.resolve(DENIED)) }, HEAD, 403],
      [{ validator }, HEAD.replace('good', 'wrong'), 401],
      [{ validator }, HEAD.replace('application/json', 'text/plain'), 415],
    ] as const;
    for (const [guard, head, status] of cases) {
      await withGateway(
        answers('in'),
        async (harness) => {
          const client = new RawClient(harness.port);
          client.send(`${head}Content-Length: 8\r\nExpect: 100-continue\r\n\r\n`);
          assert.match(await client.closed(), new RegExp(`^HTTP/1.1 ${status} `));
          assert.equal(harness.invocations.length, 0);
        },
        guarded(guard),
      );
    }
  });

  it('is asked for once, and read once, of a caller that waits to be asked', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${HEAD}Content-Length: 7\r\nExpect: 100-continue\r\n\r\n`);
        await client.until(/100 Continue/);
        client.send('{"n":1}');
        const text = await client.until(/in$/);
        assert.equal(text.match(/100 Continue/g)?.length, 1);
        client.send(`${HEAD}Content-Length: 7\r\n\r\n{"n":2}`);
        await client.until(/in[^]*in$/);
        client.socket.destroy();
      },
      guarded({ validator }),
    );
  });

  it('that was asked for and breaks its bounds is read away, so that the answer arrives', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${HEAD}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`);
        await client.until(/100 Continue/);
        const piece = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
        client.send(piece.repeat(5));
        assert.match(await client.closed(), /HTTP\/1\.1 413 .*CORDON_BODY_TOO_LARGE/s);
        assert.equal(harness.invocations.length, 0);
      },
      {
        ...guarded({ validator }),
        apps: [keyedApp({ bodyBytes: 64 * 1024 })],
        limits: { lingerTimeoutMs: 20 },
      },
    );
  });

  it('that claims to be too large is refused before it is asked for, by one byte', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        for (const [bytes, status] of [
          [64, 100],
          [65, 413],
        ]) {
          const client = new RawClient(harness.port);
          client.send(`${HEAD}Content-Length: ${bytes}\r\nExpect: 100-continue\r\n\r\n`);
          assert.match(await client.until(/\r\n\r\n/), new RegExp(`^HTTP/1.1 ${status} `));
          client.socket.destroy();
        }
      },
      { ...guarded({ validator }), apps: [keyedApp({ bodyBytes: 64 })] },
    );
  });

  it('that comes too slowly is waited for no longer than the limit', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${HEAD}Content-Length: 7\r\n\r\n{"n"`);
        assert.match(await client.closed(), /^HTTP\/1\.1 408 .*CORDON_REQUEST_TIMEOUT/s);
        await idle(harness);
        assert.equal(harness.invocations.length, 0);
      },
      // What guards the route has its own time, and it is not over because a body is slow.
      {
        ...guarded({ validator }),
        limits: { bodyIdleTimeoutMs: 120, guardsTimeoutMs: 40, lingerTimeoutMs: 20 },
      },
    );
  });

  it('that ends in the middle reaches nobody, and its place is given back', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${HEAD}Content-Length: 7\r\n\r\n{"n"`);
        await until(() => harness.gateway.stats().requestsInFlight === 1);
        client.socket.destroy();
        await idle(harness);
        const broken = new RawClient(harness.port);
        broken.send(`${HEAD}Transfer-Encoding: chunked\r\n\r\n4\r\n{"n"\r\nnonsense\r\n`);
        assert.match(await broken.closed(), /^HTTP\/1\.1 400 .*CORDON_REQUEST_MALFORMED/s);
        await idle(harness);
        assert.equal(harness.invocations.length, 0);
      },
      guarded({ validator }),
    );
  });
});

describe('the policies of a route', () => {
  it('refuse where they deny and where they fail, and let through where they allow', async () => {
    const cases: [() => AccessDecision | Promise<AccessDecision>, number][] = [
      [() => DENIED, 403],
      [() => Promise.resolve(DENIED), 403],
      [() => Promise.reject(new Error('secret detail')), 403],
      [
        () => {
          throw new Error('secret detail');
        },
        403,
      ],
      [() => ALLOWED, 200],
      [() => Promise.resolve(ALLOWED), 200],
    ];
    for (const [decide, status] of cases) {
      await withGateway(
        answers('in'),
        async (harness) => {
          const answer = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
          assert.equal(answer.status, status);
          const text = await answer.text();
          assert.ok(!/secret|only-staff/.test(text), text);
          assert.equal(harness.invocations.length, status === 200 ? 1 : 0);
          if (status === 403) assert.equal(harness.events[0]?.kind, 'access.denied');
        },
        guarded({ access: accessThat(decide) }),
      );
    }
  });

  it('that are asked for ever are waited for no longer than the limit, and the place is given back', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const refused = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(refused.status, 503);
        assert.match(await refused.text(), /CORDON_GUARD_TIMEOUT/);
        assert.equal(harness.gateway.stats().requestsInFlight, 0);
        assert.equal(harness.invocations.length, 0);
      },
      {
        ...guarded({ access: accessThat(() => new Promise(() => undefined)) }),
        limits: { guardsTimeoutMs: 40 },
      },
    );
  });

  it('that allow a caller who has left meanwhile have nothing read or called any more', async () => {
    const decided = Promise.withResolvers<AccessDecision>();
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`${HEAD}Content-Length: 7\r\n\r\n`);
        await until(() => harness.gateway.stats().requestsInFlight === 1);
        client.socket.destroy();
        await idle(harness);
        decided.resolve(ALLOWED);
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(harness.gateway.stats().requestsInFlight, 0);
        assert.equal(harness.invocations.length, 0);
      },
      guarded({ validator, access: accessThat(() => decided.promise) }),
    );
  });
});
