import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CordonError } from '../../contract/index.ts';
import type { Authenticator } from '../../identity/index.ts';
import { SIGN, clockAt, open } from '../../identity/webhook/webhook.fixture.ts';
import type { RouteSpec } from '../../manifest/index.ts';
import { answers, appOf, manifestOf, openGuards, urlOf, withGateway } from '../gateway.fixture.ts';
import { until } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';
import { fakeLog, memoryLog } from './events.fixture.ts';
import { JSON_TYPE, deliver, hooks, never, signedHead } from './webhooks.fixture.ts';

describe('a signed delivery', () => {
  it('that its provider sends again is a duplicate, and the provider is told the same', async () => {
    for (const scheme of ['standard', 'stripe', 'slack'] as const) {
      const { log, accepted } = memoryLog();
      await withGateway(
        never,
        async (harness) => {
          const body = '{"id":"evt_1","event_id":"Ev1"}';
          const statuses: unknown[] = [];
          for (const at of [1_800_000_000, 1_800_000_001, 1_800_000_001]) {
            const { status, json } = await deliver(harness, scheme, { body, at });
            statuses.push(status === 202 ? json : status);
          }
          const first = { accepted: 1, duplicates: 0 };
          // The third is no retry, which would be signed anew: the same bytes were let in a moment ago.
          assert.deepEqual(statuses, [first, { accepted: 0, duplicates: 1 }, 401], scheme);
          assert.equal(accepted.length, 1);
          const other = await deliver(harness, scheme, {
            body: '{"id":"evt_2","event_id":"Ev2"}',
            id: 'msg_2',
          });
          assert.deepEqual(other.json, first);
        },
        hooks(scheme, { events: log }),
      );
    }
  });

  it('of GitHub is known by its body, as the id is not signed: under another id or name it does nothing', async () => {
    const { log, accepted } = memoryLog();
    const body = '{"action":"opened"}';
    await withGateway(
      never,
      async (harness) => assert.equal((await deliver(harness, 'github', { body, id: 'a' })).status, 202),
      hooks('github', { events: log }),
    );
    // A process that has forgotten what was delivered to the one before.
    await withGateway(
      never,
      async (harness) => {
        const replay = { body, id: 'b', headers: { 'x-github-event': 'release' } };
        assert.deepEqual((await deliver(harness, 'github', replay)).json, { accepted: 0, duplicates: 1 });
        const other = await deliver(harness, 'github', { body: '{"action":"closed"}', id: 'a2' });
        assert.deepEqual(other.json, { accepted: 1, duplicates: 0 });
      },
      hooks('github', { events: log }),
    );
    assert.deepEqual(
      accepted.map(({ event }) => event.attributes.id),
      ['a', 'a2'],
    );
  });

  it('that did not become durable may be sent again as it was', async () => {
    for (const scheme of ['standard', 'github', 'stripe', 'slack'] as const) {
      const { log, accepted } = memoryLog();
      const errors = [
        new CordonError('CORDON_EVENTS_FULL', undefined, { details: { retryAfterMs: 1500 } }),
        new Error('disk'),
      ];
      const events = fakeLog((wanted) => {
        const error = errors.shift();
        return error === undefined ? log.accept(wanted) : Promise.reject(error);
      });
      await withGateway(
        never,
        async (harness) => {
          const full = await deliver(harness, scheme);
          assert.deepEqual([full.status, full.headers.get('retry-after')], [429, '2'], scheme);
          assert.equal((await deliver(harness, scheme)).status, 500);
          assert.equal((await deliver(harness, scheme)).status, 202);
          assert.equal((await deliver(harness, scheme)).status, 401);
          assert.equal(accepted.length, 1);
          assert.deepEqual(
            harness.events.map(({ kind, reason }) => [kind, reason]),
            [
              ['event.refused', 'CORDON_EVENTS_FULL'],
              ['auth.failed', 'CORDON_UNAUTHENTICATED'],
            ],
          );
        },
        hooks(scheme, { events }),
      );
    }
  });

  it('whose sender left before it heard of it may be sent again', async () => {
    const { log, accepted } = memoryLog();
    const asked = Promise.withResolvers<undefined>();
    const go = Promise.withResolvers<undefined>();
    const events = fakeLog(async (wanted) => {
      asked.resolve(undefined);
      await go.promise;
      return log.accept(wanted);
    });
    await withGateway(
      never,
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`POST /hooks/in HTTP/1.1\r\nHost: shop.example\r\n${signedHead('{}')}\r\n\r\n{}`);
        await asked.promise;
        client.socket.destroy();
        await until(() => harness.gateway.stats().connections === 0);
        go.resolve(undefined);
        assert.deepEqual((await deliver(harness, 'github')).json, { accepted: 0, duplicates: 1 });
        assert.equal(accepted.length, 1);
      },
      hooks('github', { events }),
    );
  });

  it('whose sender left while it was verified may be sent again', async () => {
    const { log, accepted } = memoryLog();
    const verifier = open({ scheme: 'github', clock: clockAt() });
    const verified = Promise.withResolvers<undefined>();
    const go = Promise.withResolvers<undefined>();
    const slow: Authenticator = {
      kind: 'webhook',
      name: 'hook',
      needsBody: true,
      challenge: null,
      async authenticate(credentials) {
        const verdict = await verifier.authenticate(credentials);
        verified.resolve(undefined);
        await go.promise;
        return verdict;
      },
      isCurrent: () => true,
      revoke: (caller) => verifier.revoke(caller),
      close: () => undefined,
    };
    await withGateway(
      never,
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(`POST /hooks/in HTTP/1.1\r\nHost: shop.example\r\n${signedHead('{}')}\r\n\r\n{}`);
        await verified.promise;
        client.socket.destroy();
        await until(() => harness.gateway.stats().connections === 0);
        go.resolve(undefined);
        assert.equal((await deliver(harness, 'github')).status, 202);
        assert.equal((await deliver(harness, 'github')).status, 401);
        assert.equal(accepted.length, 1);
      },
      { ...hooks('github', { events: log }), guards: openGuards({ authenticator: slow }) },
    );
  });

  it('to an ordinary route, which was refused before its function ran, may be sent again', async () => {
    const authenticator = open({ scheme: 'github', clock: clockAt() });
    const { apps } = hooks('github');
    const [app] = apps;
    assert.ok(app !== undefined);
    const routes = app.live.manifest.functions.map(({ name, routes: all }) => [
      name,
      all.map((route) => ({ ...route, deliver: 'request' as const })),
    ]);
    const ordinary = appOf(manifestOf('shop', Object.fromEntries(routes) as Record<string, RouteSpec[]>));
    let isAllowed = false;
    const access = { decide: () => ({ allowed: isAllowed, policies: [], reason: 'a test' }) };
    await withGateway(
      answers('ran'),
      async (harness) => {
        const post = async () => {
          const headers = { ...JSON_TYPE, ...SIGN.github({ body: Buffer.from('{}') }) };
          const answer = await fetch(urlOf(harness, '/hooks/in'), { method: 'POST', headers, body: '{}' });
          await answer.body?.cancel();
          return answer.status;
        };
        assert.equal(await post(), 403);
        isAllowed = true;
        assert.deepEqual([await post(), await post()], [200, 401]);
        assert.equal(harness.invocations.length, 1);
      },
      { apps: [ordinary], guards: openGuards({ authenticator, access }) },
    );
  });

  it('is refused where the log does not answer in time, and may be sent again', async () => {
    const { log, accepted } = memoryLog();
    const pending = Promise.withResolvers<never>();
    let asked = 0;
    const events = fakeLog((wanted) => (asked++ === 0 ? pending.promise : log.accept(wanted)));
    await withGateway(
      never,
      async (harness) => {
        const late = await deliver(harness, 'github');
        assert.deepEqual([late.status, /CORDON_GUARD_TIMEOUT/.test(JSON.stringify(late.json))], [503, true]);
        assert.equal((await deliver(harness, 'github')).status, 202);
        assert.equal(accepted.length, 1);
      },
      { ...hooks('github', { events }), limits: { guardsTimeoutMs: 20 } },
    );
  });
});
