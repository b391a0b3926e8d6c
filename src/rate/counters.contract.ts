import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import type { Ask, Bucket, Counters, Taken } from './port.ts';

/** An empty adapter, with the time that it goes by. */
export interface CountersUnderTest {
  readonly counters: Counters;
  /** Lets time go by. */
  pass(ms: number): Promise<void>;
}

/** Tokens come back so slowly that none does in a test. */
const SLOW: Bucket = { count: 1, periodMs: 86_400_000, burst: 1 };
const TOKEN_MS = 200;
const FAST: Bucket = { count: 5, periodMs: 5 * TOKEN_MS, burst: 2 };

/** What every adapter of the counters promises. */
export function countersContract(adapter: string, open: () => Promise<CountersUnderTest>): void {
  suite(`the ${adapter} counters`, () => {
    let opened: CountersUnderTest;
    let keys = 0;
    before(async () => {
      opened = await open();
    });
    after(() => opened.counters.close());

    const fresh = (): string => `key ${(keys += 1)}`;
    const take = async (...asks: Ask[]): Promise<readonly Taken[]> => opened.counters.take(asks);
    const takeOne = async (key: string, bucket: Bucket, cost = 1): Promise<Taken> => {
      const [taken] = await take({ key, bucket, cost });
      assert.ok(taken !== undefined);
      return taken;
    };

    test('a bucket gives its burst, refuses one more, and says when to come back', async () => {
      const key = fresh();
      const bucket = { ...SLOW, burst: 3 };
      for (const remaining of [2, 1, 0]) {
        const taken = await takeOne(key, bucket);
        assert.deepEqual([taken.allowed, taken.remaining, taken.retryAfterMs], [true, remaining, 0]);
      }
      const refused = await takeOne(key, bucket);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
      assert.ok(refused.retryAfterMs > 86_300_000 && refused.retryAfterMs <= 86_400_000);
      assert.ok(refused.resetMs > 3 * 86_300_000 && refused.resetMs <= 3 * 86_400_000);
    });

    test('tokens come back one by one, and never more than the burst', async () => {
      const key = fresh();
      assert.equal((await takeOne(key, FAST, 2)).allowed, true);
      assert.equal((await takeOne(key, FAST)).allowed, false);
      await opened.pass(TOKEN_MS + 10);
      assert.equal((await takeOne(key, FAST)).allowed, true);
      assert.equal((await takeOne(key, FAST)).allowed, false);
      await opened.pass(5 * TOKEN_MS);
      assert.equal((await takeOne(key, FAST, 3)).allowed, false);
      assert.equal((await takeOne(key, FAST, 2)).allowed, true);
    });

    test('each key has a bucket of its own, however alike they are', async () => {
      const key = fresh();
      assert.equal((await takeOne(key, SLOW)).allowed, true);
      for (const other of [`${key} `, key.toUpperCase(), `${key}\0`, `${key}\u00e9`, `${key}e\u0301`])
        assert.equal((await takeOne(other, SLOW)).allowed, true, other);
      assert.equal((await takeOne(key, SLOW)).allowed, false);
    });

    test('several buckets give together, or none of them gives', async () => {
      const [wide, narrow] = [fresh(), fresh()];
      const asks = [
        { key: wide, bucket: { ...SLOW, burst: 3 } },
        { key: narrow, bucket: SLOW },
      ];
      assert.deepEqual(
        (await take(...asks)).map(({ allowed }) => allowed),
        [true, true],
      );
      const refused = await take(...asks);
      assert.deepEqual(
        refused.map(({ allowed, remaining }) => [allowed, remaining]),
        [
          [true, 2],
          [false, 0],
        ],
      );
      assert.equal((await takeOne(wide, { ...SLOW, burst: 3 })).remaining, 1);
    });

    test('asking for nothing takes nothing', async () => {
      const key = fresh();
      assert.equal((await takeOne(key, SLOW, 0)).remaining, 1);
      assert.equal((await takeOne(key, SLOW)).allowed, true);
      const empty = await takeOne(key, SLOW, 0);
      assert.deepEqual([empty.allowed, empty.remaining], [true, 0]);
      assert.deepEqual(await take(), []);
    });

    test('more than the burst is never given', async () => {
      const refused = await takeOne(fresh(), SLOW, 2);
      assert.deepEqual([refused.allowed, refused.retryAfterMs], [false, Number.POSITIVE_INFINITY]);
    });

    test('a bucket that became faster does not keep its debt of before', async () => {
      const key = fresh();
      await takeOne(key, SLOW);
      const refused = await takeOne(key, FAST);
      assert.equal(refused.allowed, false);
      assert.ok(refused.retryAfterMs <= TOKEN_MS);
    });

    test('of many asks at once no more are given than there are tokens', async () => {
      const key = fresh();
      const bucket = { ...SLOW, burst: 10 };
      const taken = await Promise.all(Array.from({ length: 50 }, () => takeOne(key, bucket)));
      assert.equal(taken.filter(({ allowed }) => allowed).length, 10);
    });

    test('a key at the longest is taken and one past it is an error, as is a bucket that cannot be', async () => {
      const longest = 'k'.repeat(LIMITS.rateKeyCharsMax.value);
      assert.equal((await takeOne(longest, SLOW)).allowed, true);
      await assert.rejects(takeOne(`${longest}k`, SLOW), RangeError);
      for (const bucket of [
        { ...SLOW, count: 0 },
        { ...SLOW, burst: 0 },
        { ...SLOW, burst: 1.5 },
        { ...SLOW, periodMs: 0 },
        { ...SLOW, periodMs: Number.NaN },
      ])
        await assert.rejects(takeOne('k', bucket), RangeError);
      await assert.rejects(takeOne('k', SLOW, -1), RangeError);
    });
  });
}
