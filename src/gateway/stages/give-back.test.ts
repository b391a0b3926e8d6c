import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Verdict } from '../../identity/index.ts';
import { ConcurrencyRules, OpenCounts, RateRules } from '../../rate/index.ts';
import type { Counters, Taken } from '../../rate/index.ts';
import { manifestOf, routeOf, withGateway } from '../gateway.fixture.ts';
import { routeValidator } from '../../validation/index.ts';
import type { RouteValidator } from '../../validation/index.ts';
import type { AccessDecision } from '../guards/guard.ts';
import { CALLER, FakeAuthenticator, guarded, idle } from '../guards/guards.fixture.ts';
import { RawClient } from '../http/raw-client.fixture.ts';

const SCOPE = { project: 'default', route: 'shop/main * /keyed' };
const RATE = { count: 1000, periodMs: 1000, per: 'route', burst: 1000 } as const;
const TAKEN: Taken = { allowed: true, remaining: 1, resetMs: 0, retryAfterMs: 0 };
const BODY = '{"n": 12}';
const STAGES = ['identify', 'count', 'decide', 'answer'] as const;

/** How one stage behaves: at once, after some turns of the event loop, not at all, or by failing. */
const behaviour = fc.constantFrom('now', 'later', 'refuses', 'throws', 'rejects');
/** What one caller does: how its stages behave, whether it signs its body, and where it leaves. */
const plan = fc.record({
  stages: fc.tuple(behaviour, behaviour, behaviour, behaviour),
  sends: fc.constantFrom('all', 'half'),
  leavesAfterTurns: fc.option(fc.integer({ min: 0, max: 12 }), { nil: null }),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

function jsonValidator(): RouteValidator {
  const route = { ...routeOf('/keyed'), body: 'json' } as const;
  const validator = routeValidator(manifestOf('shop', { main: [route] }), route);
  assert.ok(validator !== null);
  return validator;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Does as a stage of a plan is told. */
function behave<T>(told: string | undefined, good: T, bad: T): T | Promise<T> {
  switch (told) {
    case 'later':
      return turn()
        .then(turn)
        .then(() => good);
    case 'refuses':
      return bad;
    case 'throws':
      throw new Error('told to fail');
    case 'rejects':
      return turn().then(() => Promise.reject(new Error('told to fail')));
    default:
      return good;
  }
}

/** Does what the caller of a plan does, until its connection has ended. */
async function call(port: number, index: number, { sends, leavesAfterTurns }: Plan): Promise<void> {
  const client = new RawClient(port);
  const head = `POST /keyed HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nX-Plan: ${index}\r\nContent-Type: application/json\r\n`;
  client.send(`${head}Content-Length: ${BODY.length}\r\n\r\n${sends === 'all' ? BODY : BODY.slice(0, 4)}`);
  // Whoever sends half of a body and stays waits for the limit, which has its own test.
  const leaves = leavesAfterTurns ?? (sends === 'half' ? 12 : null);
  if (leaves !== null) {
    for (let i = 0; i < leaves; i += 1) await turn();
    client.socket.destroy();
  }
  await client.closed();
}

/** What asks for the whole body: the authenticator of a route, its schema, or nothing. */
for (const [who, needsBody, validator] of [
  ['its authenticator', true, null],
  ['its schema', false, jsonValidator()],
  ['nobody', false, null],
] as const)
  test(`all that a request holds whose body is for ${who} is given back, whatever happens and whenever`, async () => {
    const counts = new OpenCounts();
    let plans: readonly Plan[] = [];
    const toldTo = (index: string | null, stage: (typeof STAGES)[number]): string | undefined =>
      plans[Number(index)]?.stages[STAGES.indexOf(stage)];
    let current: string | null = null;
    const authenticator = new FakeAuthenticator((credentials) => {
      const index = credentials.field('x-plan');
      const caller = { ...CALLER, credential: `key-${index ?? ''}` };
      const verdict = behave<Verdict>(
        toldTo(index, 'identify'),
        { ok: true, caller },
        { ok: false, reason: '' },
      );
      current = index;
      return verdict;
    }, needsBody);
    const counters: Counters = {
      take: () => behave(toldTo(current, 'count'), [TAKEN], [{ ...TAKEN, allowed: false }]),
      close: () => undefined,
    };
    const access = {
      decide: (): AccessDecision | Promise<AccessDecision> => {
        const decision = { allowed: true, policies: [], reason: '' };
        return behave(toldTo(current, 'decide'), decision, { ...decision, allowed: false });
      },
    };
    const rates = new RateRules(counters, [RATE], SCOPE);
    const concurrency = new ConcurrencyRules(counts, [{ count: 10, per: 'key' }], SCOPE);
    await withGateway(
      ({ sink }) => sink.head(200, [], Buffer.from('in'), true),
      async (harness) => {
        await fc.assert(
          fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 12 }), async (drawn) => {
            plans = drawn;
            await Promise.all(drawn.map((one, index) => call(harness.port, index, one)));
            await idle(harness);
            assert.equal(counts.size, 0);
          }),
          { numRuns: 100 },
        );
        // All of the budget is there.
        plans = [{ stages: ['now', 'now', 'now', 'now'], sends: 'all', leavesAfterTurns: null }];
        const served = harness.invocations.length;
        await call(harness.port, 0, plans[0] as Plan);
        assert.equal(harness.invocations.length, served + 1);
      },
      {
        ...guarded({ authenticator, rates, concurrency, access, validator }),
        limits: { wholeBodiesBytesMax: 96 },
      },
    );
  });
