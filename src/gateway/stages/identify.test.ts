import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authenticator, Verdict } from '../../identity/index.ts';
import { answers, urlOf, withGateway } from '../gateway.fixture.ts';
import { CALLER, FakeAuthenticator, GOOD, guarded, idle, seenOf, until } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const NEVER = (): Promise<Verdict> => new Promise(() => undefined);
const THROWS = (): Verdict => {
  throw new Error('secret detail');
};
const REJECTS = (): Promise<Verdict> => Promise.reject(new Error('secret detail'));
const GET = 'GET /keyed HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\n\r\n';

describe('an authenticator', () => {
  it('lets in whom it knows, and the function is told who calls', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const served = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(await served.text(), 'in');
        const { headers } = (await harness.invocation(0)).request;
        const told = headers[headers.indexOf('x-cordon-identity') + 1] ?? '';
        assert.equal((JSON.parse(told) as typeof CALLER).subject, CALLER.subject);
        assert.ok(!headers.includes('Bearer good'));
      },
      guarded(),
    );
  });

  it('refuses everybody else in the same way, also where it fails itself', async () => {
    const seen = new Set<string>();
    const failing: [Authenticator, Record<string, string>][] = [
      [new FakeAuthenticator(), {}],
      [new FakeAuthenticator(), { authorization: 'Bearer wrong' }],
      [new FakeAuthenticator(), { authorization: 'nonsense' }],
      [new FakeAuthenticator(() => ({ ok: false, reason: 'the credential has expired' })), GOOD],
      [new FakeAuthenticator(() => Promise.resolve({ ok: false, reason: 'revoked' })), GOOD],
      [new FakeAuthenticator(THROWS), GOOD],
      [new FakeAuthenticator(REJECTS), GOOD],
    ];
    for (const [authenticator, headers] of failing) {
      await withGateway(
        answers('in'),
        async (harness) => {
          const refused = await fetch(urlOf(harness, '/keyed'), { headers });
          assert.equal(refused.status, 401);
          seen.add(await seenOf(refused));
          assert.equal(harness.invocations.length, 0);
          assert.equal(harness.events[0]?.kind, 'auth.failed');
        },
        guarded({ authenticator }),
      );
    }
    assert.equal(seen.size, 1, [...seen].join('\n'));
    assert.ok(![...seen].join('').includes('secret'));
  });

  it('that does not answer is waited for no longer than the limit, and nothing is kept for its caller', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(GET);
        assert.match(await client.closed(), /^HTTP\/1\.1 503 .*CORDON_GUARD_TIMEOUT/s);
        await idle(harness);
        assert.equal(harness.invocations.length, 0);
        assert.equal(await fetch(urlOf(harness, '/open')).then((open) => open.text()), 'in');
      },
      { ...guarded({ authenticator: new FakeAuthenticator(NEVER) }), limits: { guardsTimeoutMs: 40 } },
    );
  });

  it('that answers after its caller has left lets nothing through', async () => {
    const authenticator = new FakeAuthenticator(() => pending.promise);
    const pending = Promise.withResolvers<Verdict>();
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(GET);
        await until(() => authenticator.asked === 1);
        client.socket.destroy();
        await idle(harness);
        pending.resolve({ ok: true, caller: CALLER });
        await until(() => harness.lines.length === 1);
        assert.match(harness.lines[0]?.message ?? '', /499 CORDON_CALLER_LEFT/);
        assert.equal(harness.invocations.length, 0);
      },
      guarded({ authenticator }),
    );
  });

  it('that cannot be made ready refuses its route and leaves the others alone', async () => {
    const { apps, guards } = guarded();
    const of: typeof guards.of = (match) => {
      if (match.route.path === '/keyed') throw new Error('secret detail');
      return { ...guards.of(match), authenticator: null };
    };
    await withGateway(
      answers('in'),
      async (harness) => {
        const refused = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(refused.status, 500);
        assert.ok(!(await refused.text()).includes('secret'));
        assert.equal(harness.invocations.length, 0);
        assert.equal(await fetch(urlOf(harness, '/open')).then((open) => open.text()), 'in');
      },
      { apps, guards: { ...guards, of } },
    );
  });

  it('that signs bodies gets the body once, and so does the function', async () => {
    const bodies: (string | null)[] = [];
    const authenticator = new FakeAuthenticator(({ body }) => {
      bodies.push(body === null ? null : Buffer.from(body).toString());
      return { ok: true, caller: CALLER };
    }, true);
    await withGateway(
      answers('in'),
      async (harness) => {
        const served = await fetch(urlOf(harness, '/keyed'), { method: 'POST', body: 'signed' });
        assert.equal(served.status, 200);
        assert.deepEqual(bodies, ['signed']);
        assert.equal(Buffer.concat((await harness.invocation(0)).received).toString(), 'signed');
      },
      guarded({ authenticator }),
    );
  });
});
