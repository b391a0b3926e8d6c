import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { readCloudEvents } from '../cloudevents/index.ts';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from './control.fixture.ts';
import { detailOf } from './events.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});
beforeEach(() => {
  control.events.held = [
    detailOf('evt_1'),
    detailOf('evt_2', { state: 'waiting', lane: 'route:/in>shop/main', reason: null, failures: [] }),
    detailOf('evt_3'),
  ];
  control.events.asked.length = 0;
});
after(() => control.close());

async function send(method: string, path: string, body?: unknown, token = control.token) {
  const response = await fetch(control.url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const idsOf = ({ json }: { readonly json: Record<string, unknown> }) =>
  (json['events'] as { id: string }[]).map(({ id }) => id);

test('events are listed by lane and state, page after page, without their data', async () => {
  const all = await send('GET', '/v1/events');
  assert.deepEqual(idsOf(all), ['evt_1', 'evt_2', 'evt_3']);
  assert.equal(all.json['next'], null);
  const { event, failures, ...record } = detailOf('evt_1');
  assert.ok(event.data !== null && failures.length === 2);
  assert.deepEqual((all.json['events'] as unknown[])[0], record);
  assert.deepEqual(idsOf(await send('GET', '/v1/events?state=dead')), ['evt_1', 'evt_3']);
  assert.deepEqual(idsOf(await send('GET', `/v1/events?lane=${encodeURIComponent('route:/in>shop/main')}`)), [
    'evt_2',
  ]);
  const first = await send('GET', '/v1/events?limit=2');
  assert.deepEqual([idsOf(first), first.json['next']], [['evt_1', 'evt_2'], '2']);
  assert.deepEqual(idsOf(await send('GET', '/v1/events?limit=2&after=2')), ['evt_3']);
  assert.deepEqual(control.events.asked[0], { project: 'default', limit: 100 });
});

test('lanes are listed by name with their counts, and those of the project alone', async () => {
  control.events.others.push({ project: 'other', lane: 'queue:a', waiting: 1, waitingBytes: 1, dead: 0 });
  assert.deepEqual((await send('GET', '/v1/event-lanes')).json, {
    lanes: [
      { lane: 'queue:jobs', waiting: 0, waitingBytes: 0, dead: 2 },
      { lane: 'route:/in>shop/main', waiting: 1, waitingBytes: 7, dead: 0 },
    ],
  });
});

test('an event is shown with its failed attempts, and as a CloudEvent in JSON', async () => {
  const { event, ...rest } = detailOf('evt_1');
  assert.deepEqual((await send('GET', '/v1/events/evt_1')).json, {
    ...rest,
    event: { ...event.attributes, data: { a: 1 } },
  });
  const binary = { ...event, data: Buffer.from([0xff]) };
  control.events.held = [
    detailOf('evt_1', { event: binary }),
    detailOf('evt_2', { event: { ...event, data: null } }),
  ];
  const shown = async (id: string) => (await send('GET', `/v1/events/${id}`)).json['event'];
  assert.deepEqual(await shown('evt_1'), { ...event.attributes, data_base64: '/w==' });
  assert.deepEqual(await shown('evt_2'), event.attributes);
  const unknown = await send('GET', '/v1/events/evt_9');
  assert.deepEqual(
    [unknown.status, (unknown.json['error'] as { code: string }).code],
    [404, 'CORDON_EVENT_UNKNOWN'],
  );
});

test('dead letters are replayed, and events dropped, by ids or all of a lane', async () => {
  assert.deepEqual((await send('POST', '/v1/events/replay', { ids: ['evt_1', 'evt_2'] })).json, {
    replayed: 1,
  });
  assert.deepEqual((await send('POST', '/v1/events/replay', { lane: 'queue:jobs' })).json, { replayed: 1 });
  assert.deepEqual((await send('POST', '/v1/events/drop', { ids: ['evt_2', 'evt_9'] })).json, { dropped: 1 });
  const lane = { lane: 'queue:jobs', state: 'waiting' };
  assert.deepEqual((await send('POST', '/v1/events/drop', lane)).json, { dropped: 2 });
  assert.deepEqual(control.events.held, []);
  assert.deepEqual(control.events.asked, [
    { project: 'default', choice: { ids: ['evt_1', 'evt_2'] } },
    { project: 'default', choice: { lane: 'queue:jobs', state: 'dead' } },
    { project: 'default', choice: { ids: ['evt_2', 'evt_9'] } },
    { project: 'default', choice: lane },
  ]);
});

test('what is no choice of events touches none', async () => {
  const most = LIMITS.eventListMax.value;
  const ids = (count: number) => Array.from({ length: count }, (_, i) => `x${i}`);
  const lane = 'a'.repeat(LIMITS.eventLaneCharactersMax.value);
  assert.equal((await send('POST', '/v1/events/drop', { ids: ids(most) })).status, 200);
  assert.equal((await send('POST', '/v1/events/replay', { lane })).status, 200);
  control.events.asked.length = 0;
  for (const [path, body] of [
    ['drop', {}],
    ['drop', { ids: [] }],
    ['drop', { ids: ids(most + 1) }],
    ['drop', { ids: ['a/b'] }],
    ['drop', { ids: 'evt_1' }],
    ['drop', { lane: 'queue:jobs' }],
    ['drop', { lane: 'queue:jobs', state: 'all' }],
    ['drop', { lane: '', state: 'dead' }],
    ['drop', { ids: ['evt_1'], lane: 'queue:jobs', state: 'dead' }],
    ['replay', {}],
    ['replay', { lane: `${lane}a` }],
    ['replay', { lane: 'queue:jobs', state: 'waiting' }],
    ['replay', { ids: ['evt_1'], project: 'other' }],
  ] as const) {
    const { status } = await send('POST', `/v1/events/${path}`, body);
    assert.equal(status, 400, JSON.stringify(body).slice(0, 80));
  }
  for (const query of [
    'limit=0',
    'limit=1001',
    'state=all',
    'lane=',
    'after=',
    'project=other',
    'limit=1&limit=2',
  ])
    assert.equal((await send('GET', `/v1/events?${query}`)).status, 400, query);
  for (const id of ['a%2Fb', 'a%20b', 'x'.repeat(65)])
    assert.equal((await send('GET', `/v1/events/${id}`)).status, 400);
  assert.equal((await send('GET', '/v1/events/drop')).status, 404);
  assert.equal(control.events.held.length, 3);
  assert.deepEqual(control.events.asked, [{ project: 'default', id: 'drop' }]);
});

test('events are for holders of a control token', async () => {
  for (const [method, path, body] of [
    ['GET', '/v1/events'],
    ['GET', '/v1/event-lanes'],
    ['GET', '/v1/events/evt_1'],
    ['POST', '/v1/events/replay', { ids: ['evt_1'] }],
    ['POST', '/v1/events/drop', { ids: ['evt_1'] }],
    ['GET', '/v1/security-events'],
  ] as const)
    assert.equal((await send(method, path, body, 'wrong')).status, 401, path);
  assert.equal(control.events.held.length, 3);
  assert.equal((await send('GET', '/v1/security-events?kind=event.refused')).status, 200);
});

async function message(path: string): Promise<Response> {
  return fetch(control.url + path, { headers: { authorization: `Bearer ${control.token}` } });
}

test('an event is written in structured and in binary mode, and several as a batch', async () => {
  const event = {
    attributes: { ...detailOf('evt_1').event.attributes, type: 'shop.order' },
    data: Buffer.from('{"a":1}'),
  };
  control.events.held = [detailOf('evt_1', { event }), detailOf('evt_2', { event })];
  const structured = await message('/v1/events/evt_1/cloudevent');
  assert.equal(structured.headers.get('content-type'), 'application/cloudevents+json');
  const read = async (response: Response): Promise<readonly unknown[]> =>
    readCloudEvents({
      contentType: response.headers.get('content-type'),
      headers: [...response.headers].flat(),
      body: new Uint8Array(await response.arrayBuffer()),
    }).map(({ attributes: { id, source, type }, data }) => ({
      id,
      source,
      type,
      data: Buffer.from(data ?? []).toString(),
    }));
  const { id, source, type } = event.attributes;
  const wanted = { id, source, type, data: String(event.data) };
  assert.deepEqual(await read(structured), [wanted]);
  assert.deepEqual(await read(await message('/v1/events/evt_1/cloudevent?mode=binary')), [wanted]);
  const batch = await message('/v1/cloudevents?state=dead');
  assert.equal(batch.headers.get('content-type'), 'application/cloudevents-batch+json');
  assert.equal((await read(batch)).length, 2);
  assert.equal((await send('GET', '/v1/events/evt_9/cloudevent')).status, 404);
  assert.equal((await send('GET', '/v1/events/evt_1/cloudevent?mode=batched')).status, 400);
  assert.equal((await send('GET', '/v1/cloudevents?limit=101')).status, 400);
  assert.equal((await send('GET', '/v1/cloudevents', undefined, 'cordon_wrong')).status, 401);
});
