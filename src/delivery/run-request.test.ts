import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { SourceTable } from '../events/index.ts';
import type { AttributeValue, ClaimedEvent } from '../events/index.ts';
import { ATTEMPTS, deploymentOf, newEvent, openDelivery, queueSource, settled } from './delivery.fixture.ts';
import { consumerOf } from './lane-consumer.ts';
import { WHOLE_BODY_BYTES_MAX, runRequestOf } from './run-request.ts';

const CRON = 'cron:0 7 * * * UTC>shop/report';
const PIPE = 'pipe:orders>shop/ship';
const { manifest } = deploymentOf([
  { name: 'worker', sources: [queueSource('jobs', { batch: 10 })] },
  {
    name: 'report',
    sources: [{ kind: 'cron', expression: '0 7 * * *', timezone: 'UTC', catchUp: 'none', ...ATTEMPTS }],
  },
  { name: 'ship', sources: [{ kind: 'pipe', from: 'orders', types: null, ordered: false, ...ATTEMPTS }] },
]);
const sources = SourceTable.of([manifest]);

function claimed(
  lane: string,
  attributes: Readonly<Record<string, AttributeValue>>,
  data: string | null,
  more: Partial<ClaimedEvent> = {},
): ClaimedEvent {
  const { event } = newEvent(lane, attributes, data);
  return { id: 'e1', lane, event, order: null, hops: 2, attempt: 1, acceptedAt: 1234, lease: 'l', ...more };
}

function requestOf(lane: string, events: readonly ClaimedEvent[]) {
  const consumer = consumerOf(lane, sources);
  assert.ok(consumer !== null);
  const { request, rest } = runRequestOf(consumer, events);
  const fields: Record<string, string> = {};
  for (let i = 0; i + 1 < request.headers.length; i += 2)
    fields[request.headers[i] ?? ''] = request.headers[i + 1] ?? '';
  return { ...request, rest, fields };
}

test('a batch says of each message its id, time, attempt, type and size, and has the bodies in turn', () => {
  const { event, body, fields } = requestOf('queue:jobs', [
    claimed('queue:jobs', { datacontenttype: 'application/json' }, '[1]'),
    claimed('queue:jobs', { datacontenttype: 'text/plain' }, 'two', { id: 'e2', attempt: 3, hops: 5 }),
    claimed('queue:jobs', { datacontenttype: 'application/octet-stream' }, null, { id: 'e3' }),
  ]);
  const message = { timestamp: 1234, attempts: 1 };
  assert.deepEqual(event, {
    handler: 'queue',
    queue: 'jobs',
    messages: [
      { ...message, id: 'e1', contentType: 'json', bytes: 3 },
      { ...message, id: 'e2', attempts: 3, contentType: 'text', bytes: 3 },
      { ...message, id: 'e3', contentType: 'bytes', bytes: 0 },
    ],
  });
  assert.equal(Buffer.from(body ?? []).toString(), '[1]two');
  assert.deepEqual(fields, {
    'x-cordon-hops': '5',
    'x-cordon-event': 'e1, e2, e3',
    'x-cordon-attempt': '3',
  });
});

test('a tick has its expression and its time', () => {
  const attributes = { cordoncron: '0 7 * * *', cordonscheduledtime: '1790000000000' };
  const { event, body, streams } = requestOf(CRON, [claimed(CRON, attributes, null)]);
  assert.deepEqual(event, { handler: 'scheduled', cron: '0 7 * * *', scheduledTime: 1_790_000_000_000 });
  assert.equal(body, null);
  assert.equal(streams, false);
  const odd = requestOf(CRON, [claimed(CRON, { cordonscheduledtime: 'soon' }, null)]);
  assert.deepEqual(odd.event, { handler: 'scheduled', cron: '', scheduledTime: 1234 });
});

test('an event has all of its attributes, and says in fields whom it is from and which flow it is of', () => {
  const attributes = { cordonsubject: '{"kind":"jwt"}', cordonflow: 'f1', subject: 'order 1' };
  const { event, fields } = requestOf(PIPE, [claimed(PIPE, attributes, 'data')]);
  assert.deepEqual(event, {
    handler: 'event',
    attributes: { specversion: '1.0', id: 'a', source: '/test', type: 'test', ...attributes },
    hasData: true,
  });
  assert.equal(fields['x-cordon-identity'], '{"kind":"jwt"}');
  assert.equal(fields['x-cordon-flow'], 'f1');
  const empty = requestOf(PIPE, [claimed(PIPE, {}, null)]);
  assert.equal(empty.event?.handler === 'event' && empty.event.hasData, false);
});

test('an attribute that is no value of a field adds none', () => {
  for (const cordonsubject of ['', 'a\r\nx-cordon-hops: 0', 'ü', 'x'.repeat(5000)]) {
    const { fields } = requestOf(PIPE, [claimed(PIPE, { cordonsubject }, null)]);
    assert.equal('x-cordon-identity' in fields, false);
    assert.equal(fields['x-cordon-hops'], '2');
  }
});

test('data goes along up to the size of a frame, and beyond in pieces as the function takes them', async () => {
  const whole = requestOf(PIPE, [claimed(PIPE, {}, 'x'.repeat(WHOLE_BODY_BYTES_MAX))]);
  assert.equal(whole.body?.byteLength, WHOLE_BODY_BYTES_MAX);
  assert.deepEqual([whole.streams, whole.rest], [false, null]);
  const more = requestOf(PIPE, [claimed(PIPE, {}, 'x'.repeat(WHOLE_BODY_BYTES_MAX + 1))]);
  assert.deepEqual([more.streams, more.body], [true, null]);
  assert.equal(more.rest?.byteLength, WHOLE_BODY_BYTES_MAX + 1);
  const { log, dispatcher } = openDelivery([{ name: 'worker', sources: [queueSource('jobs')] }]);
  await log.accept([newEvent('queue:jobs', {}, 'y'.repeat(LIMITS.eventBytesMax.value))]);
  await settled();
  const [run] = dispatcher.runs;
  assert.equal(run?.body.byteLength, LIMITS.eventBytesMax.value);
  assert.ok(run?.ended);
});
