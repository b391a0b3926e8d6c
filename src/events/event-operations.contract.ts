import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { CLAIM, LANE, PROJECT, acceptOne, dead, done, retry, type OpenLog } from './event-log.fixture.ts';
import type { ClaimedEvent, ClaimOptions, EventLog } from './port.ts';

const ORDERED: ClaimOptions = { ...CLAIM, ordered: true };

/** What every adapter of the log promises to operators. `open` gives an empty one, with a clock that stands still. */
export function eventOperationsContract(adapter: string, open: () => Promise<OpenLog>): void {
  suite(`the ${adapter} log of events, for operators`, () => {
    let opened: OpenLog;
    let log: EventLog;
    beforeEach(async () => {
      opened = await open();
      log = opened.log;
    });
    afterEach(() => opened.close());

    const claim = (options: Partial<ClaimOptions> = {}): Promise<readonly ClaimedEvent[]> =>
      log.claim(PROJECT, LANE, { ...CLAIM, ...options });
    const one = async (options: Partial<ClaimOptions> = {}): Promise<ClaimedEvent> => {
      const [event] = await claim({ ...options, limit: 1 });
      assert.ok(event !== undefined);
      return event;
    };

    test('keeps the reasons of the last failed attempts', async () => {
      const id = await acceptOne(log);
      const kept = LIMITS.eventAttemptsKept.value;
      const failuresAfter = async (attempts: number): Promise<number[]> => {
        for (let attempt = 0; attempt < attempts; attempt += 1)
          await log.settle([retry(await one(), 0, 'a reason\nof two lines')]);
        return (await log.show(PROJECT, id))?.failures.map(({ attempt }) => attempt) ?? [];
      };
      assert.deepEqual(
        await failuresAfter(kept),
        Array.from({ length: kept }, (_, index) => index + 1),
      );
      assert.deepEqual(
        await failuresAfter(1),
        Array.from({ length: kept }, (_, index) => index + 2),
      );
      assert.equal((await log.show(PROJECT, id))?.reason, 'a reason\\nof two lines');
    });

    test('keeps dead letters with their reason, and delivers them again when told to', async () => {
      const id = await acceptOne(log);
      await acceptOne(log);
      await log.settle([dead(await one(), 'always throws')]);
      const [status] = log.lanes();
      assert.deepEqual([status?.waiting, status?.dead], [1, 1]);
      const [recorded] = opened.evidence.recorded;
      assert.deepEqual([recorded?.kind, recorded?.severity], ['event.dead', 'low']);
      assert.deepEqual(recorded?.detail['id'], id);
      const { events } = await log.list({ project: PROJECT, state: 'dead', limit: 10 });
      assert.deepEqual(
        events.map((event) => [event.id, event.reason, event.attempts, event.at]),
        [[id, 'always throws', 1, opened.clock.now()]],
      );
      assert.equal(await log.replay('another', { ids: [id] }), 0);
      assert.equal(await log.replay(PROJECT, { lane: LANE, state: 'waiting' }), 0);
      assert.equal(await log.replay(PROJECT, { lane: LANE, state: 'dead' }), 1);
      assert.equal(await log.replay(PROJECT, { ids: [id] }), 0);
      const again = (await claim()).find((event) => event.id === id);
      assert.equal(again?.attempt, 1);
      assert.equal((await log.show(PROJECT, id))?.failures.length, 1);
      assert.deepEqual(log.lanes()[0]?.dead, 0);
    });

    test('drops events by id and by state, in their project alone', async () => {
      const ids = [await acceptOne(log), await acceptOne(log), await acceptOne(log)];
      await log.settle([dead(await one())]);
      assert.equal(await log.drop('another', { ids }), 0);
      assert.equal(await log.drop(PROJECT, { lane: LANE, state: 'dead' }), 1);
      assert.equal(await log.drop(PROJECT, { ids: ids.slice(0, 2) }), 1);
      assert.equal(await log.show(PROJECT, ids[1] ?? ''), null);
      assert.equal(await log.drop(PROJECT, { lane: LANE, state: 'waiting' }), 1);
      assert.deepEqual(log.lanes(), []);
      assert.deepEqual(await claim(), []);
    });

    test('lists page by page, by lane and state', async () => {
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push(await acceptOne(log));
      await acceptOne(log, { lane: 'queue:others' });
      const found: string[] = [];
      let after: string | null = null;
      do {
        const page: Awaited<ReturnType<EventLog['list']>> = await log.list({
          project: PROJECT,
          lane: LANE,
          limit: 2,
          ...(after === null ? {} : { after }),
        });
        found.push(...page.events.map(({ id }) => id));
        after = page.next;
      } while (after !== null);
      assert.deepEqual(found, ids);
      assert.equal((await log.list({ project: PROJECT, limit: 6 })).next, null);
      assert.equal((await log.list({ project: PROJECT, state: 'dead', limit: 6 })).events.length, 0);
      assert.equal((await log.list({ project: 'another', limit: 6 })).events.length, 0);
      assert.equal((await log.list({ project: PROJECT, limit: 0 })).events.length, 1);
      await assert.rejects(log.list({ project: PROJECT, after: '1 or 1', limit: 1 }), {
        code: 'CORDON_CURSOR_INVALID',
      });
    });

    test('makes a dead letter of what nobody takes for too long, and removes that in its time', async () => {
      const id = await acceptOne(log, { order: 'a' });
      await acceptOne(log, { order: 'a', delayMs: LIMITS.eventDelayMsMax.value });
      opened.clock.move(LIMITS.eventRetentionMs.value - 1);
      await log.sweep();
      assert.deepEqual([log.lanes()[0]?.waiting, log.lanes()[0]?.dead], [2, 0]);
      const working = await one(ORDERED);
      opened.clock.move(1);
      await log.sweep();
      // Which is not the one that is being worked on.
      assert.equal((await log.show(PROJECT, id))?.state, 'waiting');
      assert.deepEqual([log.lanes()[0]?.waiting, log.lanes()[0]?.dead], [1, 1]);
      opened.clock.move(CLAIM.leaseMs);
      await log.sweep();
      await log.settle([done(working)]);
      const expired = await log.show(PROJECT, id);
      assert.deepEqual([expired?.state, expired?.reason], ['dead', 'expired']);
      assert.equal(await log.replay(PROJECT, { ids: [id] }), 1);
      await log.sweep();
      await log.settle([dead(await one(ORDERED))]);
      opened.clock.move(LIMITS.deadRetentionMs.value - 1);
      await log.sweep();
      assert.equal((await log.show(PROJECT, id))?.state, 'dead');
      opened.clock.move(1);
      await log.sweep();
      assert.deepEqual(log.lanes(), []);
    });
  });
}
