import assert from 'node:assert/strict';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import {
  CLAIM,
  LANE,
  PROJECT,
  acceptOne,
  dead,
  done,
  idsOf,
  newEvent,
  retry,
  type OpenLog,
} from './event-log.fixture.ts';
import type { ClaimedEvent, ClaimOptions, EventLog } from './port.ts';

const ORDERED: ClaimOptions = { ...CLAIM, ordered: true };

/** What every adapter of the log promises to those who send and deliver. `open` gives an empty one, with a clock that stands still. */
export function eventLogContract(adapter: string, open: () => Promise<OpenLog>): void {
  suite(`the ${adapter} log of events`, () => {
    let opened: OpenLog;
    let log: EventLog;
    beforeEach(async () => {
      opened = await open();
      log = opened.log;
    });
    afterEach(() => opened.close());

    const claim = (options: Partial<ClaimOptions> = {}, lane = LANE): Promise<readonly ClaimedEvent[]> =>
      log.claim(PROJECT, lane, { ...CLAIM, ...options });
    const one = async (options: Partial<ClaimOptions> = {}, lane = LANE): Promise<ClaimedEvent> => {
      const [event] = await claim({ ...options, limit: 1 }, lane);
      assert.ok(event !== undefined);
      return event;
    };

    test('gives out what was accepted, in its lane, once while a lease lasts', async () => {
      const given = newEvent({ order: 'someone', hops: 3, data: Buffer.from([0, 1, 255]) });
      const [accepted] = await log.accept([given]);
      assert.deepEqual(await claim({}, 'queue:others'), []);
      assert.deepEqual(await log.claim('another', LANE, CLAIM), []);
      const event = await one();
      const { cordonsignature, ...attributes } = event.event.attributes;
      assert.match(String(cordonsignature), /^v1,[A-Za-z0-9+/]{43}=$/);
      assert.deepEqual(attributes, given.event.attributes);
      assert.deepEqual(Buffer.from(event.event.data ?? []), given.event.data);
      const { id, lane, order, hops, attempt, acceptedAt } = event;
      assert.deepEqual(
        { id, lane, order, hops, attempt, acceptedAt },
        {
          id: accepted?.id,
          lane: LANE,
          order: 'someone',
          hops: 3,
          attempt: 1,
          acceptedAt: opened.clock.now(),
        },
      );
      assert.deepEqual(await claim(), []);
      await log.settle([done(event)]);
      opened.clock.move(CLAIM.leaseMs);
      assert.deepEqual(await claim(), []);
      assert.deepEqual(log.lanes(), []);
    });

    test('tells no data from empty data', async () => {
      await log.accept([newEvent({ data: null }), newEvent({ data: Buffer.alloc(0) })]);
      const data = (await claim()).map(({ event }) => event.data);
      assert.equal(data[0], null);
      assert.equal(data[1]?.byteLength, 0);
    });

    test('accepts all events of a call or none', async () => {
      const invalid = newEvent({ hops: LIMITS.eventHopsMax.value + 1 });
      await assert.rejects(log.accept([newEvent(), invalid]), { code: 'CORDON_EVENT_HOPS' });
      assert.deepEqual(await claim(), []);
      assert.deepEqual(log.lanes(), []);
      assert.deepEqual(await log.accept([]), []);
    });

    test('takes events of one key in one lane for one, until its window has passed', async () => {
      const isNew = async (...keys: (string | null)[]): Promise<boolean[]> =>
        (await log.accept(keys.map((key) => newEvent({ key })))).map(({ id }) => id !== null);
      assert.deepEqual(await isNew('a', 'b', 'a', null, null), [true, true, false, true, true]);
      assert.deepEqual(await isNew('b', 'c', 'c', 'a'), [false, true, false, false]);
      const [other] = await log.accept([newEvent({ key: 'a', lane: 'queue:others' })]);
      assert.notEqual(other?.id, null);
      // Also when it has been delivered.
      const claimed = await claim();
      assert.equal(claimed.length, 5);
      await log.settle(claimed.map(done));
      opened.clock.move(LIMITS.eventDuplicateWindowMs.value - 1);
      assert.deepEqual(await isNew('a'), [false]);
      opened.clock.move(1);
      assert.deepEqual(await isNew('a', 'a'), [true, false]);
      assert.deepEqual(
        log.lanes().map(({ lane, waiting }) => [lane, waiting]),
        [
          ['queue:others', 1],
          [LANE, 1],
        ],
      );
    });

    test('accepts one of many events of one key that come at the same time', async () => {
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          log.accept([newEvent({ key: `k${index % 3}` }), newEvent()]),
        ),
      );
      assert.equal(results.filter(([first]) => first?.id !== null).length, 3);
      assert.ok(results.every(([, second]) => second?.id !== null));
      assert.equal((await claim()).length, 63);
      assert.equal(log.lanes()[0]?.waiting, 63);
    });

    test('gives out a delayed event when its time has come, and says when that is', async () => {
      assert.equal(await log.nextDue(PROJECT, LANE), null);
      await acceptOne(log, { delayMs: 500 });
      const due = opened.clock.now() + 500;
      assert.equal(await log.nextDue(PROJECT, LANE), due);
      opened.clock.move(499);
      assert.deepEqual(await claim(), []);
      opened.clock.move(1);
      await one();
      assert.equal(await log.nextDue(PROJECT, LANE), due + CLAIM.leaseMs);
    });

    test('claims as many events as asked for, and none past the bytes, but always one', async () => {
      const ids: string[] = [];
      for (const size of [10, 10, 10, 10, 10]) ids.push(await acceptOne(log, { data: Buffer.alloc(size) }));
      assert.deepEqual(idsOf(await claim({ bytesMax: 0 })), ids.slice(0, 1));
      assert.deepEqual(idsOf(await claim({ bytesMax: 20 })), ids.slice(1, 3));
      assert.deepEqual(idsOf(await claim({ limit: 1 })), ids.slice(3, 4));
      assert.deepEqual(idsOf(await claim({ bytesMax: 11 })), ids.slice(4));
    });

    test('keeps the order: the next one comes when the one before is done or dead, not while it waits', async () => {
      const [a1, a2, a3] = [
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
      ];
      const b1 = await acceptOne(log, { order: 'b' });
      const free = await acceptOne(log);
      const first = await claim(ORDERED);
      assert.deepEqual(idsOf(first), [a1, b1, free]);
      assert.deepEqual(await claim(ORDERED), []);
      await log.settle(first.map((event) => (event.id === a1 ? retry(event, 300) : done(event))));
      assert.deepEqual(await claim(ORDERED), []);
      opened.clock.move(300);
      const again = await claim(ORDERED);
      assert.deepEqual(idsOf(again), [a1]);
      assert.equal(again[0]?.attempt, 2);
      await log.settle(again.map((event) => dead(event)));
      const second = await claim(ORDERED);
      assert.deepEqual(idsOf(second), [a2]);
      await log.settle(second.map(done));
      assert.deepEqual(idsOf(await claim(ORDERED)), [a3]);
    });

    test('walks past a long line of one order to what waits behind it', async () => {
      const length = LIMITS.eventOrderWindowMax.value + 40;
      for (let start = 0; start < length; start += 100)
        await log.accept(
          Array.from({ length: Math.min(100, length - start) }, () => newEvent({ order: 'a' })),
        );
      const b1 = await acceptOne(log, { order: 'b' });
      const head = await one(ORDERED);
      assert.deepEqual(idsOf(await claim(ORDERED)), [b1]);
      await log.settle([done(head)]);
      assert.equal((await claim(ORDERED)).length, 1);
      // A consumer that asks for no order gets all the others.
      let rest = 0;
      for (let got = await claim(); got.length > 0; got = await claim()) rest += got.length;
      assert.equal(rest, length - 2);
    });

    test('gives no event to two claims, ordered or not', async () => {
      await log.accept(Array.from({ length: 30 }, (_, index) => newEvent({ order: `o${index % 3}` })));
      const rounds = async (ordered: boolean): Promise<readonly string[]> =>
        (await Promise.all(Array.from({ length: 8 }, () => claim({ ordered, limit: 2 })))).flatMap(idsOf);
      const first = await rounds(true);
      assert.ok(first.length > 0 && first.length <= 3);
      const rest: string[] = [];
      for (let got = await rounds(false); got.length > 0; got = await rounds(false)) rest.push(...got);
      assert.equal(new Set([...first, ...rest]).size, 30);
      assert.equal(first.length + rest.length, 30);
    });

    test('lets a line go on when its first event is dropped, or what stood before is brought back', async () => {
      const [a1, a2, a3] = [
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
      ];
      await log.settle([dead(await one(ORDERED))]);
      const second = await claim(ORDERED);
      assert.deepEqual(idsOf(second), [a2]);
      assert.equal(await log.replay(PROJECT, { ids: [a1] }), 1);
      // The second is at work: no other of its order is.
      assert.deepEqual(await claim(ORDERED), []);
      assert.equal(await log.drop(PROJECT, { ids: [a2] }), 1);
      await log.settle(second.map(done));
      const third = await claim(ORDERED);
      assert.deepEqual(idsOf(third), [a3]);
      await log.settle(third.map(done));
      assert.deepEqual(idsOf(await claim(ORDERED)), [a1]);
    });

    test('gives an event out again when its lease ends, and takes nothing under the old one', async () => {
      await acceptOne(log);
      const first = await one();
      opened.clock.move(CLAIM.leaseMs - 1);
      assert.deepEqual(await claim(), []);
      opened.clock.move(1);
      const second = await one();
      assert.equal(second.attempt, 2);
      await log.settle([done(first), retry(first), dead(first)]);
      assert.deepEqual([log.lanes()[0]?.waiting, log.lanes()[0]?.dead], [1, 0]);
      await log.settle([done({ ...second, lease: `${second.lease}x` })]);
      assert.equal(log.lanes()[0]?.waiting, 1);
      await log.settle([done(second)]);
      assert.deepEqual(log.lanes(), []);
    });

    test('gives out what an earlier process worked on, with that attempt counted', async () => {
      const id = await acceptOne(log);
      const before = await one({ leaseMs: 3_600_000 });
      log = await opened.reopen();
      const again = await one();
      assert.deepEqual([again.id, again.attempt], [id, 2]);
      await log.settle([done(before)]);
      assert.equal(log.lanes()[0]?.waiting, 1);
    });

    test('gives an attempt back that was not the fault of the event', async () => {
      const id = await acceptOne(log);
      await log.settle([retry(await one(), 10, 'no instance', false)]);
      opened.clock.move(10);
      const again = await one();
      assert.equal(again.attempt, 1);
      await log.settle([retry(again, 0, 'threw')]);
      assert.equal((await one()).attempt, 2);
      const found = await log.show(PROJECT, id);
      assert.deepEqual(
        found?.failures.map(({ attempt, reason }) => [attempt, reason]),
        [[1, 'threw']],
      );
    });

    test('tells listeners of what was accepted, until they stop or whatever they do', async () => {
      const told: string[] = [];
      log.onAccepted(() => {
        throw new Error('a listener');
      });
      const stop = log.onAccepted((project, lane) => told.push(`${project} ${lane}`));
      await log.accept([newEvent({ key: 'a' }), newEvent(), newEvent({ lane: 'queue:others' })]);
      await log.accept([newEvent({ key: 'a' })]);
      stop();
      await log.accept([newEvent()]);
      assert.deepEqual(told.splice(0), [`${PROJECT} ${LANE}`, `${PROJECT} queue:others`]);
    });

    test('tells listeners when an event that was held back or dead can be claimed', async () => {
      const ids = [
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
        await acceptOne(log, { order: 'a' }),
      ];
      const told: string[] = [];
      log.onAccepted((project, lane) => told.push(`${project} ${lane}`));
      const tells = async (work: Promise<unknown>, count: number): Promise<void> => {
        await work;
        assert.deepEqual(told.splice(0), Array<string>(count).fill(`${PROJECT} ${LANE}`));
      };
      const first = await one(ORDERED);
      await claim(ORDERED);
      await tells(log.settle([retry(first)]), 0);
      await tells(log.settle([done(await one(ORDERED))]), 1);
      await tells(log.settle([dead(await one(ORDERED))]), 1);
      await tells(log.drop(PROJECT, { ids: ids.slice(2, 3) }), 1);
      await tells(log.settle([done(await one(ORDERED))]), 0);
      await tells(log.replay(PROJECT, { lane: LANE, state: 'dead' }), 1);
    });
  });
}
