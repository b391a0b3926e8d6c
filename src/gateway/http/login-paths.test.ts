import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import type { LoginAnswer, LoginRequest, OidcLogin } from '../../identity/index.ts';
import { MemoryCounters, RateRules } from '../../rate/index.ts';
import { answers, openGuards, urlOf, withGateway } from '../gateway.fixture.ts';
import { RawClient } from './raw-client.fixture.ts';

describe('the paths of a login', () => {
  const asked: LoginRequest[] = [];
  const serving = (handle: () => Promise<LoginAnswer>) => {
    const login = {
      handle(request: LoginRequest) {
        asked.push(request);
        return handle();
      },
    } as unknown as OidcLogin;
    return { guards: openGuards({}, { loginAt: ({ path }) => (path === '/login' ? login : null) }) };
  };

  it('are answered by the gateway, and reach no function that has a route for them', async () => {
    const fields = [
      ['location', 'https://id.example/auth'],
      ['set-cookie', 'cordon-shop.staff.a=1'],
    ] as const;
    await withGateway(
      answers('in'),
      async (harness) => {
        const answer = await fetch(urlOf(harness, '/login?to=%2F'), { redirect: 'manual' });
        assert.equal(answer.status, 303);
        assert.equal(answer.headers.get('location'), 'https://id.example/auth');
        assert.deepEqual(answer.headers.getSetCookie(), ['cordon-shop.staff.a=1']);
        assert.deepEqual([asked[0]?.path, asked[0]?.query], ['/login', 'to=%2F']);
        assert.equal(asked[0]?.origin, `http://127.0.0.1:${harness.port}`);
        assert.equal(harness.invocations.length, 0);
        assert.equal(await fetch(urlOf(harness, '/other')).then((other) => other.text()), 'in');
      },
      serving(() => Promise.resolve({ ok: true, status: 303, fields })),
    );
  });

  it('are asked for by one address as often as the limit says, and once more is refused', async () => {
    const most = LIMITS.loginsPerAddressMax.value;
    const spec = { count: most, periodMs: 60_000, per: 'address', burst: most } as const;
    const loginRate = new RateRules(new MemoryCounters(), [spec], { project: 'p', route: 'logins' });
    const { guards } = serving(() => Promise.resolve({ ok: true, status: 303, fields: [['location', '/']] }));
    await withGateway(
      answers('in'),
      async (harness) => {
        const ask = () => fetch(urlOf(harness, '/login'), { redirect: 'manual' });
        for (let i = 0; i < most; i += 1) assert.equal((await ask()).status, 303);
        const refused = await ask();
        assert.equal(refused.status, 429);
        assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
        assert.equal((await fetch(urlOf(harness, '/other'))).status, 200, 'other paths are not held up');
      },
      { guards: { ...guards, loginRate } },
    );
  });

  it('end the connection of whoever asks for a WebSocket there', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(
          'GET /login HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        );
        assert.match(await client.closed(), /^HTTP\/1\.1 303 /);
        assert.equal(harness.invocations.length, 0);
      },
      serving(() => Promise.resolve({ ok: true, status: 303, fields: [['location', '/']] })),
    );
  });

  it('say no more than a code where a login is refused or fails', async () => {
    const refused: LoginAnswer = {
      ok: false,
      code: 'CORDON_LOGIN_REFUSED',
      reason: 'secret detail',
      fields: [],
    };
    for (const [handle, status] of [
      [() => Promise.resolve(refused), 400],
      [() => Promise.reject(new Error('secret detail')), 500],
    ] as const) {
      await withGateway(
        answers('in'),
        async (harness) => {
          const answer = await fetch(urlOf(harness, '/login'), { redirect: 'manual' });
          assert.equal(answer.status, status);
          assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
          assert.ok(!(await answer.text()).includes('secret'));
          assert.ok(harness.lines.some(({ message }) => message.includes('secret detail')));
          assert.equal(harness.invocations.length, 0);
        },
        serving(handle),
      );
    }
  });

  it('whose caller leaves, or whose app fails to open its login, leave nothing behind', async () => {
    const { guards } = serving(() => new Promise(() => undefined));
    const loginAt: typeof guards.loginAt = (target) => {
      if (target.path === '/broken') throw new Error('secret detail');
      return guards.loginAt(target);
    };
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        const before = asked.length;
        client.send('GET /login HTTP/1.1\r\nHost: shop.example\r\n\r\n');
        while (asked.length === before) await new Promise((resolve) => setImmediate(resolve));
        client.socket.destroy();
        const broken = await fetch(urlOf(harness, '/broken'));
        assert.equal(broken.status, 500);
        assert.ok(!(await broken.text()).includes('secret'));
      },
      { guards: { ...guards, loginAt } },
    );
  });
});
