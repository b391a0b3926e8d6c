import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { AttributeValue } from './event.ts';
import {
  CLAIM,
  LANE,
  PROJECT,
  acceptOne,
  dead,
  done,
  newEvent,
  openStoredLog,
  retry,
  type StoredLog,
} from './event-log.fixture.ts';
import { LaneCounts } from './lane-counts.ts';
import type { EventLog, NewEvent } from './port.ts';

let opened: StoredLog;
let log: EventLog;
before(async () => {
  opened = await openStoredLog({
    waitingMax: 250,
    waitingBytesMax: 4 * 1024 * 1024,
    deadMax: 3,
    deadBytesMax: 100,
  });
  log = opened.log;
});
after(() => opened.close());

let lanes = 0;
/** An event in a lane of its own. */
function alone(given: Parameters<typeof newEvent>[0] = {}): NewEvent {
  lanes += 1;
  return newEvent({ lane: `queue:l${lanes}`, ...given });
}

function withAttributes(attributes: Record<string, AttributeValue>): NewEvent {
  const event = alone();
  return { ...event, event: { ...event.event, attributes: { ...event.event.attributes, ...attributes } } };
}

async function codeOf(events: readonly NewEvent[]): Promise<string> {
  try {
    await log.accept(events);
    return 'ok';
  } catch (thrown) {
    return thrown instanceof CordonError ? thrown.code : String(thrown);
  }
}

test('takes an event at each of its limits, and none past one', async () => {
  const { eventBytesMax, eventHopsMax, eventDelayMsMax, eventAttributeBytesMax, eventAttributesMax } = LIMITS;
  const text = 'x'.repeat(eventAttributeBytesMax.value);
  const many = (count: number): Record<string, AttributeValue> =>
    Object.fromEntries(Array.from({ length: count - 6 }, (_, index) => [`a${index}`, index]));
  const cases: readonly (readonly [NewEvent, NewEvent, string])[] = [
    [
      alone({ data: Buffer.alloc(eventBytesMax.value) }),
      alone({ data: Buffer.alloc(eventBytesMax.value + 1) }),
      'CORDON_EVENT_TOO_LARGE',
    ],
    [alone({ hops: eventHopsMax.value }), alone({ hops: eventHopsMax.value + 1 }), 'CORDON_EVENT_HOPS'],
    [
      alone({ delayMs: eventDelayMsMax.value }),
      alone({ delayMs: eventDelayMsMax.value + 1 }),
      'CORDON_EVENT_INVALID',
    ],
    [withAttributes({ a: text }), withAttributes({ a: `${text}x` }), 'CORDON_EVENT_TOO_LARGE'],
    [alone({ key: text }), alone({ key: `${text}x` }), 'CORDON_EVENT_TOO_LARGE'],
    [alone({ order: text }), alone({ order: `${text}x` }), 'CORDON_EVENT_TOO_LARGE'],
    [
      withAttributes(many(eventAttributesMax.value)),
      withAttributes(many(eventAttributesMax.value + 1)),
      'CORDON_EVENT_TOO_LARGE',
    ],
    [withAttributes({ a: 2 ** 31 - 1 }), withAttributes({ a: 2 ** 31 }), 'CORDON_EVENT_INVALID'],
  ];
  for (const [index, [good, bad, code]] of cases.entries()) {
    assert.equal(await codeOf([good]), 'ok', String(index));
    assert.equal(await codeOf([bad]), code, String(index));
  }
  const batch = Array.from({ length: LIMITS.eventBatchMax.value }, () => alone());
  assert.equal(await codeOf(batch), 'ok');
  assert.equal(await codeOf([...batch, alone()]), 'CORDON_EVENT_TOO_LARGE');
});

test('refuses what is no CloudEvent, and the attributes of the platform', async () => {
  assert.equal(await codeOf([withAttributes({ cordonflow: 'a', subject: 'ä€😀' })]), 'ok');
  const bad: readonly NewEvent[] = [
    withAttributes({ cordonsignature: 'v1,x' }),
    withAttributes({ cordonx: 'x' }),
    withAttributes({ Upper: 'x' }),
    withAttributes({ 'a-b': 'x' }),
    withAttributes({ '': 'x' }),
    withAttributes({ id: '' }),
    withAttributes({ type: 1 }),
    withAttributes({ specversion: '0.3' }),
    withAttributes({ a: 1.5 }),
    withAttributes({ a: Number.NaN }),
    withAttributes({ a: '\ud800' }),
    withAttributes({ a: null as unknown as string }),
    alone({ hops: -1 }),
    alone({ hops: 0.5 }),
    alone({ delayMs: -1 }),
    alone({ delayMs: Number.NaN }),
    alone({ key: '\udc00' }),
    alone({ lane: '' }),
    alone({ project: '\ud800' }),
  ];
  for (const event of bad) assert.equal(await codeOf([event]), 'CORDON_EVENT_INVALID', JSON.stringify(event));
});

test('refuses more than a lane holds, says when to come again, and takes what fits after others left', async () => {
  const lane = 'queue:full';
  const batch = (count: number): NewEvent[] => Array.from({ length: count }, () => newEvent({ lane }));
  await log.accept(batch(100));
  await log.accept(batch(100));
  await assert.rejects(log.accept(batch(51)), {
    code: 'CORDON_EVENTS_FULL',
    details: { lane, retryAfterMs: LIMITS.eventsFullRetryMs.value },
  });
  assert.equal(await codeOf(batch(50)), 'ok');
  assert.equal(await codeOf(batch(1)), 'CORDON_EVENTS_FULL');
  assert.equal(await codeOf([newEvent({ lane: 'queue:empty' })]), 'ok');
  const [event] = await log.claim(PROJECT, lane, { ...CLAIM, limit: 1 });
  assert.ok(event !== undefined);
  // One that is being worked on still has its place.
  assert.equal(await codeOf(batch(1)), 'CORDON_EVENTS_FULL');
  await log.settle([retry(event, 0)]);
  assert.equal(await codeOf(batch(1)), 'CORDON_EVENTS_FULL');
  const [again] = await log.claim(PROJECT, lane, { ...CLAIM, limit: 1 });
  assert.ok(again !== undefined);
  await log.settle([done(again)]);
  assert.equal(await codeOf(batch(1)), 'ok');
  assert.equal(await codeOf(batch(1)), 'CORDON_EVENTS_FULL');
  // A duplicate gives its place back.
  const other = 'queue:duplicates';
  for (let index = 0; index < 260; index += 1) await log.accept([newEvent({ lane: other, key: 'same' })]);
  assert.equal(log.lanes().find((status) => status.lane === other)?.waiting, 1);
});

test('bounds the bytes of a lane, whatever comes at the same time', async () => {
  const lane = 'queue:bytes';
  const data = Buffer.alloc(256 * 1024);
  const results = await Promise.all(Array.from({ length: 40 }, () => codeOf([newEvent({ lane, data })])));
  assert.equal(results.filter((result) => result === 'ok').length, 16);
  assert.equal(results.filter((result) => result === 'CORDON_EVENTS_FULL').length, 24);
  assert.equal(log.lanes().find((status) => status.lane === lane)?.waitingBytes, 4 * 1024 * 1024);
  const reopened = await opened.reopen();
  await assert.rejects(reopened.accept([newEvent({ lane, data: Buffer.alloc(1) })]), {
    code: 'CORDON_EVENTS_FULL',
  });
  await reopened.accept([newEvent({ lane, data: null })]);
});

test('brings no more back from the dead than fit', async () => {
  const lane = 'queue:replay';
  const id = await acceptOne(log, { lane });
  const [event] = await log.claim(PROJECT, lane, CLAIM);
  assert.ok(event !== undefined);
  await log.settle([dead(event)]);
  for (const count of [100, 100, 50])
    await log.accept(Array.from({ length: count }, () => newEvent({ lane })));
  await assert.rejects(log.replay(PROJECT, { ids: [id] }), { code: 'CORDON_EVENTS_FULL' });
  const [first] = await log.claim(PROJECT, lane, { ...CLAIM, limit: 1 });
  assert.ok(first !== undefined);
  await log.settle([done(first)]);
  assert.equal(await log.replay(PROJECT, { ids: [id] }), 1);
  assert.equal(log.lanes().find((status) => status.lane === lane)?.waiting, 250);
});

test('removes the oldest dead letters beyond what a lane keeps, by number and by bytes', async () => {
  const ids: string[] = [];
  const kill = async (lane: string, size: number): Promise<void> => {
    ids.push(await acceptOne(log, { lane, data: Buffer.alloc(size) }));
    opened.clock.move(1);
    await log.settle((await log.claim(PROJECT, lane, CLAIM)).map((event) => dead(event)));
  };
  const left = async (lane: string): Promise<number[]> => {
    await log.sweep();
    const { events } = await log.list({ project: PROJECT, lane, limit: 10 });
    return events.map(({ id }) => ids.indexOf(id));
  };
  for (let index = 0; index < 3; index += 1) await kill('queue:dead', 1);
  assert.deepEqual(await left('queue:dead'), [0, 1, 2]);
  await kill('queue:dead', 1);
  assert.deepEqual(await left('queue:dead'), [1, 2, 3]);
  for (const size of [50, 50]) await kill('queue:heavy', size);
  assert.deepEqual(await left('queue:heavy'), [4, 5]);
  await kill('queue:heavy', 1);
  assert.deepEqual(await left('queue:heavy'), [5, 6]);
});

test('cuts reasons and lists at their limits', async () => {
  const lane = 'queue:reasons';
  const id = await acceptOne(log, { lane });
  const [event] = await log.claim(PROJECT, lane, CLAIM);
  assert.ok(event !== undefined);
  const max = LIMITS.eventReasonBytesMax.value;
  await log.settle([retry(event, 0, 'x'.repeat(max))]);
  assert.equal((await log.show(PROJECT, id))?.reason?.length, max);
  const [again] = await log.claim(PROJECT, lane, CLAIM);
  assert.ok(again !== undefined);
  await log.settle([retry(again, 0, 'x'.repeat(max + 1))]);
  const cut = (await log.show(PROJECT, id))?.reason ?? '';
  assert.ok(cut.length === max && cut.endsWith(`[cut, ${max + 1} bytes]`));
  const batch = LIMITS.eventBatchMax.value;
  for (let count = 0; count <= LIMITS.eventListMax.value; count += batch)
    await log.accept(Array.from({ length: batch }, () => newEvent({ lane: `queue:many-${count % 1000}` })));
  const { events } = await log.list({ project: PROJECT, limit: LIMITS.eventListMax.value + 1 });
  assert.equal(events.length, LIMITS.eventListMax.value);
});

test('forgets keys when their window has passed, more than one removal takes at once', async () => {
  const { store, clock } = opened;
  ({ log } = await opened.emptied());
  const remembered = async (): Promise<number> => {
    const [row] = await store.query({ sql: 'select count(*) as keys from event_keys', parameters: [] });
    return Number(row?.['keys']);
  };
  const insert = 'insert into event_keys (project, lane, key_hash, expires_at) values (?, ?, ?, ?)';
  const expiresAt = clock.now() + 1_000;
  const count = LIMITS.eventSweepBatchMax.value + 1;
  await store.commit(
    Array.from({ length: count }, (_, index) => ({
      sql: insert,
      parameters: [PROJECT, LANE, `k${index}`, expiresAt],
    })),
  );
  clock.move(999);
  await log.sweep();
  assert.equal(await remembered(), count);
  clock.move(1);
  await log.sweep();
  assert.equal(await remembered(), 0);
});

test('looks at a bounded part of a long line in one claim, and goes on from there with the next', async () => {
  const { store, clock } = opened;
  ({ log } = await opened.emptied());
  const first = await acceptOne(log, { order: 'a' });
  const seen = LIMITS.eventOrderWindowMax.value * LIMITS.eventOrderWindowsMax.value;
  const held = async (): Promise<number> => {
    const sql = `select count(*) as events from events where state = 'held'`;
    return Number((await store.query({ sql, parameters: [] }))[0]?.['events']);
  };
  // By hand: to sign as many would take long, and none of them is given out.
  const sql = `with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n <= ${seen})
    insert into events (id, project, lane, state, order_key, due_at, attempts, hops, bytes, accepted_at,
      waiting_since, envelope)
    select id || n, project, lane, state, order_key, due_at, 0, 0, 0, accepted_at, waiting_since, x''
    from events, numbers where id = ?`;
  await store.commit([{ sql, parameters: [first], changes: seen + 1 }]);
  const last = await acceptOne(log, { order: 'b' });
  const ordered = { ...CLAIM, ordered: true };
  const ids = async (): Promise<string[]> => (await log.claim(PROJECT, LANE, ordered)).map(({ id }) => id);
  assert.deepEqual(await ids(), [first]);
  assert.equal(await held(), seen - 1);
  assert.equal(await log.nextDue(PROJECT, LANE), clock.now());
  assert.deepEqual(await ids(), [last]);
  assert.equal(await held(), seen + 1);
});

test('sweeps by itself, until it is closed', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { log: swept } = await opened.emptied();
  await log.close();
  await acceptOne(swept);
  opened.clock.move(LIMITS.eventRetentionMs.value);
  t.mock.timers.tick(LIMITS.eventSweepIntervalMs.value - 1);
  await swept.close();
  assert.equal(swept.lanes()[0]?.dead, 0);
  const reopened = await opened.reopen();
  t.mock.timers.tick(LIMITS.eventSweepIntervalMs.value);
  await reopened.close();
  assert.equal(reopened.lanes()[0]?.dead, 1);
});

test('counts by lane, forgets lanes that are empty, and never falls below nothing', () => {
  const bounds = { waitingMax: 2, waitingBytesMax: 10, deadMax: 1, deadBytesMax: 1 };
  const counts = new LaneCounts(bounds);
  assert.equal(counts.reserve('p', LANE, 2, 10), true);
  assert.equal(counts.reserve('p', LANE, 1, 0), false);
  assert.equal(counts.reserve('q', LANE, 1, 11), false);
  assert.equal(counts.reserve('q', LANE, 1, 10), true);
  counts.change('p', LANE, { waiting: -3, waitingBytes: -11 });
  assert.deepEqual(counts.statuses(), [{ project: 'q', lane: LANE, waiting: 1, waitingBytes: 10, dead: 0 }]);
});

test('accepts of a lane what its quota allows, all of a batch or none, and says when to come again', async () => {
  const asked: [string, number][] = [];
  let wait: number | null = null;
  const limited = await openStoredLog({}, (lane, count) => {
    asked.push([lane, count]);
    return lane === 'queue:limited' ? wait : null;
  });
  try {
    const batch = ['queue:limited', 'queue:free', 'queue:limited'].map((lane) => newEvent({ lane }));
    await limited.log.accept(batch);
    assert.deepEqual(asked, [
      ['queue:limited', 2],
      ['queue:free', 1],
    ]);
    for (const [waitMs, toldMs] of [
      [1500, 1500],
      [Number.POSITIVE_INFINITY, LIMITS.eventRetryAfterMsMax.value],
    ] as const) {
      wait = waitMs;
      const details = { lane: 'queue:limited', of: 'quota', retryAfterMs: toldMs };
      await assert.rejects(limited.log.accept(batch), { code: 'CORDON_EVENTS_FULL', details });
      await assert.rejects(limited.log.prepare(batch), { code: 'CORDON_EVENTS_FULL', details });
    }
    const waiting = limited.log.lanes().map(({ lane, waiting: count }) => [lane, count]);
    assert.deepEqual(waiting, [
      ['queue:limited', 2],
      ['queue:free', 1],
    ]);
  } finally {
    await limited.close();
  }
});
