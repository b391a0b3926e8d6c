import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { newId } from '../contract/index.ts';
import { placeOf } from '../vault/index.ts';
import {
  CLAIM,
  LANE,
  PROJECT,
  acceptOne,
  dead,
  idsOf,
  newEvent,
  openStoredLog,
  type StoredLog,
} from './event-log.fixture.ts';
import type { EventLog } from './port.ts';
import { eventPlaces } from './resealing.ts';

let opened: StoredLog;
let log: EventLog;
before(async () => {
  opened = await openStoredLog();
});
beforeEach(async () => {
  ({ log } = await opened.emptied());
});
after(() => opened.close());

async function change(sql: string, parameters: readonly unknown[] = []): Promise<void> {
  await opened.store.commit([{ sql, parameters, changes: 1 }]);
}

const forgeries = (): unknown[] =>
  opened.evidence.recorded
    .filter(
      ({ kind, severity, reason }) => kind === 'event.forged' && severity === 'high' && reason === 'forged',
    )
    .map(({ detail }) => detail['id']);

/** It is given out by no way, is a dead letter, and was reported once. */
async function assertForged(id: string, project = PROJECT, lane = LANE): Promise<void> {
  assert.ok(!idsOf(await log.claim(project, lane, CLAIM)).includes(id));
  await assert.rejects(log.show(project, id), { code: 'CORDON_EVENT_FORGED' });
  assert.equal(await log.replay(project, { ids: [id] }), 0);
  assert.equal(await log.replay(project, { lane, state: 'dead' }), 0);
  assert.ok(!idsOf(await log.claim(project, lane, CLAIM)).includes(id));
  const { events } = await log.list({ project, lane, state: 'dead', limit: 10 });
  assert.deepEqual(
    events.map((event) => [event.id, event.reason]),
    [[id, 'forged']],
  );
  assert.deepEqual(forgeries(), [id]);
  assert.equal(await log.drop(project, { ids: [id] }), 1);
}

const CHANGES: Readonly<Record<string, string>> = {
  lane: `lane = 'queue:others'`,
  project: `project = 'another'`,
  hops: 'hops = hops - 1',
  accepted_at: 'accepted_at = accepted_at + 1',
  bytes: 'bytes = bytes + 1',
  'order_key, to another': `order_key = replace(order_key, substr(order_key, 1, 1), 'x')`,
  'order_key, to none': 'order_key = null',
  'envelope, a flipped bit': `envelope = cast(substr(envelope, 1, 60) || x'00' || substr(envelope, 62) as blob)`,
  'envelope, cut': 'envelope = cast(substr(envelope, 1, length(envelope) - 1) as blob)',
  'envelope, empty': `envelope = x''`,
  'envelope, of a key that is not there': `envelope = cast(x'0100000009' || substr(envelope, 6) as blob)`,
  'envelope, of another event': `envelope = (select envelope from events as other where other.id != events.id)`,
};

for (const [what, assignment] of Object.entries(CHANGES)) {
  test(`finds out a row whose ${what} was changed`, async () => {
    const id = await acceptOne(log, { order: 'someone', hops: 2 });
    const neighbour = await acceptOne(log, { order: 'someone', hops: 2 });
    await change(`update events set ${assignment} where id = ?`, [id]);
    const project = what === 'project' ? 'another' : PROJECT;
    const lane = what === 'lane' ? 'queue:others' : LANE;
    if (project !== PROJECT || lane !== LANE)
      assert.deepEqual(idsOf(await log.claim(PROJECT, LANE, CLAIM)), [neighbour]);
    await assertForged(id, project, lane);
    if (project === PROJECT && lane === LANE) {
      opened.clock.move(CLAIM.leaseMs);
      assert.deepEqual(idsOf(await log.claim(PROJECT, LANE, CLAIM)), [neighbour]);
    }
  });
}

test('finds out a row under another id, and one that stands twice', async () => {
  const id = await acceptOne(log);
  await change(`insert into events (id, project, lane, state, due_at, attempts, hops, bytes, accepted_at, waiting_since, envelope)
    select 'evt_copy', project, lane, state, due_at, attempts, hops, bytes, accepted_at, waiting_since, envelope from events`);
  assert.deepEqual(idsOf(await log.claim(PROJECT, LANE, CLAIM)), [id]);
  await assertForged('evt_copy');
  await change(`update events set id = 'evt_other' where id = ?`, [id]);
  assert.deepEqual(await log.claim(PROJECT, LANE, CLAIM), []);
});

test('finds out a row made by hand, also when what is sealed in it opens', async () => {
  const insert = async (content: Buffer): Promise<string> => {
    const id = newId('evt');
    const envelope = await opened.vault.seal(PROJECT, placeOf('event', LANE, id), content);
    await change(
      `insert into events (id, project, lane, state, due_at, attempts, hops, bytes, accepted_at, waiting_since, envelope)
        values (?, ?, ?, 'waiting', 0, 0, 0, 0, 0, 0, ?)`,
      [id, PROJECT, LANE, envelope],
    );
    return id;
  };
  // The benign twin: one that the log made is given out.
  await acceptOne(log, { data: null });
  const [claimed] = await log.claim(PROJECT, LANE, CLAIM);
  assert.ok(claimed !== undefined);
  const { cordonsignature, ...attributes } = claimed.event.attributes;
  const signature = String(cordonsignature).slice('v1,'.length);
  const head = (given: Record<string, unknown>): Buffer => {
    const text = Buffer.from(
      JSON.stringify({ attributes, order: null, hasData: false, key: 1, signature, ...given }),
    );
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.byteLength);
    return Buffer.concat([length, text]);
  };
  const contents: readonly Buffer[] = [
    head({}),
    head({ signature: '' }),
    head({ signature: Buffer.alloc(32).toString('base64') }),
    head({ key: 2 }),
    head({ attributes: null }),
    head({ order: 1 }),
    Buffer.concat([head({}), Buffer.from('data')]),
    Buffer.from([0, 0, 0, 9]),
    Buffer.from([0, 0]),
    Buffer.from([0, 0, 0, 1, 0x7b]),
    Buffer.alloc(0),
  ];
  for (const content of contents) {
    opened.evidence.recorded.length = 0;
    await assertForged(await insert(content));
  }
});

test('finds out whatever was changed below the seal', async () => {
  type Head = Record<string, unknown> & { attributes: Record<string, unknown>; signature: string };
  const altered = async (edit: (head: Head) => void, data = 'data'): Promise<string> => {
    const id = await acceptOne(log, { order: 'someone' });
    const place = placeOf('event', LANE, id);
    const row = { sql: 'select envelope from events where id = ?', parameters: [id] };
    const [stored] = await opened.store.query<{ envelope: Uint8Array }>(row);
    const content = Buffer.from(
      await opened.vault.open(PROJECT, place, stored?.envelope ?? new Uint8Array()),
    );
    const head = JSON.parse(content.toString('utf8', 4, 4 + content.readUInt32BE(0))) as Head;
    edit(head);
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.byteLength);
    const next = Buffer.concat([length, text, Buffer.from(data)]);
    await change('update events set envelope = ? where id = ?', [
      await opened.vault.seal(PROJECT, place, next),
      id,
    ]);
    return id;
  };
  // The benign twin: sealed anew, it is the same event.
  const same = await altered(() => undefined);
  assert.deepEqual(idsOf(await log.claim(PROJECT, LANE, CLAIM)), [same]);
  await log.drop(PROJECT, { ids: [same] });
  const edits: readonly ((head: Head) => void)[] = [
    (head) => (head.attributes['type'] = 'other'),
    (head) => (head.attributes['added'] = 1),
    (head) => delete head.attributes['yes'],
    (head) => (head.attributes['n'] = '1'),
    (head) => (head['order'] = 'another'),
    (head) => (head['order'] = null),
    (head) => (head['hasData'] = false),
    (head) => (head['key'] = 0),
    (head) => (head.signature += ' '),
    (head) => (head.signature = head.signature.replace('=', '')),
  ];
  for (const edit of edits) {
    opened.evidence.recorded.length = 0;
    await assertForged(await altered(edit));
  }
  opened.evidence.recorded.length = 0;
  await assertForged(await altered(() => undefined, 'Data'));
});

test('shows a forged event to nobody before it is claimed, and makes it a dead letter then', async () => {
  const id = await acceptOne(log);
  await change('update events set hops = 1 where id = ?', [id]);
  await assert.rejects(log.show(PROJECT, id), { code: 'CORDON_EVENT_FORGED' });
  assert.deepEqual(forgeries(), [id]);
  assert.deepEqual([log.lanes()[0]?.waiting, log.lanes()[0]?.dead], [0, 1]);
});

test('brings no event back from the dead whose row was changed there', async () => {
  const id = await acceptOne(log);
  const [event] = await log.claim(PROJECT, LANE, CLAIM);
  assert.ok(event !== undefined);
  await log.settle([dead(event)]);
  await change('update events set accepted_at = accepted_at + 1 where id = ?', [id]);
  assert.equal(await log.replay(PROJECT, { ids: [id] }), 0);
  await assert.rejects(log.show(PROJECT, id), { code: 'CORDON_EVENT_FORGED' });
  await change('update events set accepted_at = accepted_at - 1 where id = ?', [id]);
  assert.equal(await log.replay(PROJECT, { ids: [id] }), 1);
});

test('delivers an event although what is not signed of its row was changed', async () => {
  const id = await acceptOne(log, { delayMs: 1_000 });
  await change(
    `update events set due_at = 0, attempts = 7, failures = x'00', waiting_since = 1, lease = 'x' where id = ?`,
    [id],
  );
  const [event] = await log.claim(PROJECT, LANE, CLAIM);
  assert.deepEqual([event?.id, event?.attempt], [id, 8]);
  assert.deepEqual((await log.list({ project: PROJECT, limit: 1 })).events[0]?.reason, '[cannot be opened]');
  assert.ok(event !== undefined);
  await log.settle([dead(event, 'gave up')]);
  assert.deepEqual((await log.show(PROJECT, id))?.reason, 'gave up');
});

test('accepts and gives out nothing once the key that signs was put in by somebody else', async () => {
  await acceptOne(log);
  const [kept] = await opened.store.query({
    sql: 'select key from event_signing_keys where project = ?',
    parameters: [PROJECT],
  });
  const put = (key: unknown): Promise<void> =>
    change('update event_signing_keys set key = ? where project = ?', [key, PROJECT]);
  await put(Buffer.from([1, 2]));
  const reopened = await opened.reopen();
  await assert.rejects(reopened.accept([newEvent()]), { code: 'CORDON_SEAL_BROKEN' });
  await assert.rejects(reopened.claim(PROJECT, LANE, CLAIM), { code: 'CORDON_SEAL_BROKEN' });
  assert.equal(reopened.lanes()[0]?.waiting, 1);
  await put(kept?.['key']);
  // The attempt that could not be made was given back.
  assert.equal((await reopened.claim(PROJECT, LANE, CLAIM))[0]?.attempt, 1);
});

test('writes nothing of an event into the store in the clear', async () => {
  const given = newEvent({ data: Buffer.from('secret data'), order: 'secret order', key: 'secret key' });
  await log.accept([
    {
      ...given,
      event: { ...given.event, attributes: { ...given.event.attributes, subject: 'secret subject' } },
    },
  ]);
  const [event] = await log.claim(PROJECT, LANE, CLAIM);
  assert.ok(event !== undefined);
  await log.settle([dead(event, 'secret reason')]);
  for (const table of ['events', 'event_keys', 'event_signing_keys']) {
    const rows = await opened.store.query({ sql: `select * from ${table}`, parameters: [] });
    assert.ok(rows.length > 0);
    for (const cell of rows.flatMap((row) => Object.values(row))) {
      const bytes = cell instanceof Uint8Array ? Buffer.from(cell) : Buffer.from(String(cell));
      assert.ok(!bytes.includes('secret'));
    }
  }
});

test('takes events along when the data key is rotated, with the signatures that they had', async () => {
  await acceptOne(log);
  const id = await acceptOne(log, { order: 'a', hops: 2 });
  for (const event of await log.claim(PROJECT, LANE, CLAIM))
    if (event.id === id) await log.settle([dead(event)]);
  const before = await log.show(PROJECT, id);
  await opened.vault.rotateDataKey(PROJECT);
  await acceptOne(log);
  const progress = await opened.vault.reseal(PROJECT, eventPlaces(opened.store, opened.vault, PROJECT));
  assert.deepEqual(
    progress.map(({ place, seen, rewritten, broken }) => ({ place, seen, rewritten, broken })),
    [
      { place: 'events.envelope', seen: 3, rewritten: 2, broken: 0 },
      { place: 'events.failures', seen: 1, rewritten: 1, broken: 0 },
      { place: 'event_signing_keys.key', seen: 1, rewritten: 1, broken: 0 },
    ],
  );
  const reopened = await opened.reopen();
  assert.deepEqual(await reopened.show(PROJECT, id), before);
  assert.equal((await reopened.claim(PROJECT, LANE, CLAIM)).length, 2);
});
