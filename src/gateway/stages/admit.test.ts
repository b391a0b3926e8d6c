import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { systemClock } from '../../contract/index.ts';
import type { ConcurrencySpec, RateSpec } from '../../manifest/index.ts';
import { ConcurrencyRules, MemoryCounters, OpenCounts, RateRules } from '../../rate/index.ts';
import type { Counters } from '../../rate/index.ts';
import { answers, urlOf, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction } from '../gateway.fixture.ts';
import { GOOD, guarded, idle, until } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const SCOPE = { project: 'default', route: 'shop/main * /keyed' };
const TWO: RateSpec = { count: 2, periodMs: 3_600_000, per: 'address', burst: 2 };
const ONE_OPEN: ConcurrencySpec = { count: 1, per: 'key' };
const GET = 'GET /keyed HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer good\r\n\r\n';

const ratesBy = (counters: Counters): RateRules => new RateRules(counters, [TWO], SCOPE);
const oneOpen = (): ConcurrencyRules => new ConcurrencyRules(new OpenCounts(), [ONE_OPEN], SCOPE);
const countersThat = (take: Counters['take']): Counters => ({ take, close: () => undefined });

describe('the rates of a route', () => {
  it('are spent by requests that are authenticated, and by no others', async () => {
    const rates = ratesBy(new MemoryCounters({ clock: systemClock }));
    await withGateway(
      answers('in'),
      async (harness) => {
        const statuses: number[] = [];
        for (const authorization of ['no', 'no', 'no', 'Bearer good', 'no', 'Bearer good', 'Bearer good']) {
          const answer = await fetch(urlOf(harness, '/keyed'), { headers: { authorization } });
          statuses.push(answer.status);
          if (answer.status === 401) assert.equal(answer.headers.get('ratelimit'), null);
          else assert.match(answer.headers.get('ratelimit') ?? '', /^"address";r=\d/);
          if (answer.status === 429) assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
          await answer.body?.cancel();
        }
        assert.deepEqual(statuses, [401, 401, 401, 200, 401, 200, 429]);
        assert.equal(harness.invocations.length, 2);
      },
      guarded({ rates }),
    );
  });

  it('let nobody through where they cannot be counted', async () => {
    for (const take of [
      () => Promise.reject(new Error('secret detail')),
      () => {
        throw new Error('secret detail');
      },
      () => [],
      () => Promise.resolve([]),
    ]) {
      await withGateway(
        answers('in'),
        async (harness) => {
          const refused = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
          assert.ok(refused.status >= 500, String(refused.status));
          assert.ok(!(await refused.text()).includes('secret'));
          assert.equal(harness.invocations.length, 0);
          assert.equal(harness.gateway.stats().requestsInFlight, 0);
        },
        guarded({ rates: ratesBy(countersThat(take)) }),
      );
    }
  });

  it('that are counted for ever are waited for no longer than the limit', async () => {
    await withGateway(
      answers('in'),
      async (harness) => {
        const refused = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(refused.status, 503);
        assert.match(await refused.text(), /CORDON_GUARD_TIMEOUT/);
        assert.equal(harness.invocations.length, 0);
      },
      {
        ...guarded({ rates: ratesBy(countersThat(() => new Promise(() => undefined))) }),
        limits: { guardsTimeoutMs: 40 },
      },
    );
  });

  it('that are counted after the caller has left take no place', async () => {
    const counted = Promise.withResolvers<[]>();
    let asked = 0;
    const counters = countersThat(() => {
      asked += 1;
      return counted.promise;
    });
    await withGateway(
      answers('in'),
      async (harness) => {
        const client = new RawClient(harness.port);
        client.send(GET);
        await until(() => asked === 1);
        client.socket.destroy();
        await idle(harness);
        counted.resolve([]);
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(harness.gateway.stats().requestsInFlight, 0);
        assert.equal(harness.invocations.length, 0);
      },
      guarded({ rates: ratesBy(counters) }),
    );
  });
});

describe('what may be open at once', () => {
  it('is held until the answer is there, and given back also by a caller that leaves', async () => {
    await withGateway(
      () => undefined,
      async (harness) => {
        const first = new RawClient(harness.port);
        first.send(GET);
        const invocation = await harness.invocation(0);
        const refused = await fetch(urlOf(harness, '/keyed'), { headers: GOOD });
        assert.equal(refused.status, 429);
        await refused.body?.cancel();
        invocation.sink.head(200, [], Buffer.from('done'), true);
        await first.until(/done$/);
        first.send(GET);
        await harness.invocation(1);
        first.socket.destroy();
        await until(() => harness.gateway.stats().requestsInFlight === 0);
        const next = new RawClient(harness.port);
        next.send(GET);
        (await harness.invocation(2)).sink.head(200, [], Buffer.from('again'), true);
        await next.until(/again$/);
        next.socket.destroy();
      },
      guarded({ concurrency: oneOpen() }),
    );
  });

  it('counts a WebSocket for all of its life', async () => {
    const accept: FakeFunction = ({ sink }) => sink.head(101, [], null, false);
    await withGateway(
      accept,
      async (harness) => {
        const url = `ws://127.0.0.1:${harness.port}/keyed`;
        const first = new WebSocket(url, { headers: GOOD });
        await once(first, 'open');
        assert.equal(harness.gateway.stats().requestsInFlight, 0);
        const second = new WebSocket(url, { headers: GOOD });
        second.on('error', () => undefined);
        const [, refused] = (await once(second, 'unexpected-response')) as [
          unknown,
          { statusCode: number; destroy(): void },
        ];
        assert.equal(refused.statusCode, 429);
        refused.destroy();
        first.close();
        await once(first, 'close');
        await until(() => harness.gateway.stats().webSockets === 0);
        const third = new WebSocket(url, { headers: GOOD });
        await once(third, 'open');
        third.terminate();
      },
      guarded({ concurrency: oneOpen() }),
    );
  });
});
