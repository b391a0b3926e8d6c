import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import type { SecurityEvent } from '../../evidence/index.ts';
import { queueLane } from '../../events/index.ts';
import type { ClaimedEvent } from '../../events/index.ts';
import { CONTEXT, callOf, noEvidence, openStored, serve } from '../capability.fixture.ts';
import type { Answer, Stored } from '../capability.fixture.ts';
import { QueueCapability } from './host.ts';

const LANE = queueLane('queue');
const CLAIM = { limit: 100, bytesMax: 2 ** 30, leaseMs: 60_000, ordered: false };

let stored: Stored;
const recorded: Omit<SecurityEvent, 'time'>[] = [];
before(async () => {
  stored = await openStored();
});
after(() => stored.close());

/** Sends texts from an instance in which so many hops stand behind what is open. */
function send(texts: readonly string[], hops: number): Promise<Answer> {
  const messages = texts.map((text) => ({ contentType: 'text', bytes: Buffer.byteLength(text) }));
  const evidence = {
    ...noEvidence,
    record: (event: Omit<SecurityEvent, 'time'>) => void recorded.push(event),
  };
  const { store, objects, sealer, clock, events } = stored;
  const capability = new QueueCapability({ store, objects, sealer, clock, events, evidence });
  const call = { ...callOf('queue', 'QUEUE', 'send', { messages }), hops };
  return serve([capability], call, [Buffer.from(texts.join(''))], { ...CONTEXT });
}

function claim(): Promise<readonly ClaimedEvent[]> {
  return stored.events.claim(CONTEXT.project, LANE, CLAIM);
}

test('a message is an event of its sender, one hop behind what it was sent from', async () => {
  assert.equal((await send(['one', 'two'], 3)).error, null);
  const events = await claim();
  assert.deepEqual(
    events.map(({ event, order, hops }) => [Buffer.from(event.data ?? []).toString(), order, hops]),
    [
      ['one', 'app/f', 4],
      ['two', 'app/f', 4],
    ],
  );
  assert.notEqual(events[0]?.event.attributes.id, events[1]?.event.attributes.id);
  assert.equal(events[0]?.event.attributes.source, '/apps/app/functions/f');
});

test('a chain of messages ends at its limit, and is reported', async () => {
  const max = LIMITS.eventHopsMax.value;
  assert.equal((await send(['last'], max - 1)).error, null);
  assert.deepEqual(recorded, []);
  assert.equal((await send(['beyond'], max)).error?.code, 'CORDON_EVENT_HOPS');
  assert.deepEqual(
    recorded.map(({ kind, app, function: fn, detail }) => [kind, app, fn, detail['hops']]),
    [['event.loop', 'app', 'f', max + 1]],
  );
  assert.deepEqual(
    (await claim()).map(({ hops }) => hops),
    [max],
  );
});

test('who sends into a full queue is told, and what waits there stays', async () => {
  await stored.close();
  stored = await openStored(undefined, true);
  const bytesMax = LIMITS.eventsWaitingBytesMax.value;
  // One more row, as large as the lane takes: to fill it would take long.
  await send(['first'], 0);
  await stored.store.commit([{ sql: 'update events set bytes = ?', parameters: [bytesMax - 5] }]);
  stored = await stored.reopen();
  assert.equal((await send(['12345'], 0)).error, null);
  const refused = await send(['6'], 0);
  assert.equal(refused.error?.code, 'CORDON_EVENTS_FULL');
  assert.match(refused.error?.message ?? '', /as many wait there as may/);
  assert.equal(stored.events.lanes()[0]?.waiting, 2);
});
