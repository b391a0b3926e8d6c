import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { buildHarness, createBubblewrapIsolation } from '../sandbox/index.ts';
import { AnonymousPool } from './anonymous-pool.ts';
import { eventPlacesMax } from './event-places.ts';
import type { Exchange } from '../instance/index.ts';
import type { Pool } from './index.ts';
import { RecordingEvidence, callIn, deploy, openTestPool } from './pool.fixture.ts';
import type { Answer, CallOptions } from './pool.fixture.ts';

const evidence = new RecordingEvidence();
const EVENTS_ONLY = ['event'];
const BOTH = ['fetch', 'event'];
const MEMORY_BYTES = LIMITS.functionMemoryBytesDefault.value;
let opened: Awaited<ReturnType<typeof openTestPool>>;

before(async () => {
  opened = await openTestPool(evidence);
});

after(() => opened.close());

type Target = ReturnType<typeof deploy>;

/** One event, whose handler takes `ms`. */
function deliver(
  target: Target,
  ms: number,
  pool: Pool = opened.pool,
  options: CallOptions = {},
): Promise<Answer> {
  const attributes = { specversion: '1.0', id: 'a', source: '/', type: 'test', ms };
  return callIn(pool, target, '', { ...options, event: { handler: 'event', attributes, hasData: false } });
}

test('an event runs its handler in an instance, and its outcome comes back whatever responses may have', async () => {
  const answer = await deliver(deploy({ responseBytes: 0 }, {}, EVENTS_ONLY), 0);
  assert.equal(answer.error, null);
  assert.deepEqual(JSON.parse(answer.body), { ok: true });
});

test('events leave a share of the places of a function that answers requests, and all of one that does not', () => {
  const limits = { instances: 5, concurrency: 4 };
  assert.equal(eventPlacesMax(deploy(limits, {}, BOTH).fn), 16);
  assert.equal(eventPlacesMax(deploy(limits, {}, EVENTS_ONLY).fn), 20);
  assert.equal(eventPlacesMax(deploy({ instances: 1, concurrency: 2 }, {}, BOTH).fn), 1);
  assert.equal(eventPlacesMax(deploy({ instances: 1, concurrency: 1 }, {}, BOTH).fn), 1);
});

test('a request finds a place although more events want to run than there are places', async () => {
  const target = deploy({ concurrency: 5, instances: 1 }, {}, BOTH);
  await callIn(opened.pool, target, '/count');
  let ended = 0;
  const exchanges: Exchange[] = [];
  // They run until the test ends them.
  for (let i = 0; i < 5; i++)
    void deliver(target, 4500, opened.pool, { onExchange: (exchange) => exchanges.push(exchange) }).then(
      () => (ended += 1),
    );
  assert.equal((await opened.pool.status()).eventsWaiting, 1);
  const answer = await callIn(opened.pool, target, '/count');
  assert.equal(answer.body, '2');
  assert.equal(ended, 0);
  assert.equal((await opened.pool.status()).eventsWaiting, 1, 'the last place stays free');
  for (const exchange of exchanges) exchange.abort();
});

test('what is to run alone shares its instance with nothing, waits for an empty one and holds nothing up', async () => {
  const target = deploy({ concurrency: 5, instances: 1 }, {}, EVENTS_ONLY);
  const ended: string[] = [];
  const note = (name: string) => (): void => void ended.push(name);
  const first = deliver(target, 300).then(note('first'));
  const alone = deliver(target, 100, opened.pool, { alone: true }).then(note('alone'));
  const beside = deliver(target, 0).then(note('beside'));
  await beside;
  const startedAlone = first.then(() => deliver(target, 0).then(note('after')));
  await Promise.all([first, alone, startedAlone]);
  assert.deepEqual(ended, ['beside', 'first', 'alone', 'after']);
});

test('a request that waits goes before an event that has waited longer', async () => {
  const target = deploy({ concurrency: 1, instances: 1 }, {}, BOTH);
  const ended: string[] = [];
  const note =
    (name: string) =>
    ({ error }: Answer): void => {
      assert.equal(error, null);
      ended.push(name);
    };
  const first = deliver(target, 100).then(note('first event'));
  const second = deliver(target, 0).then(note('second event'));
  const request = callIn(opened.pool, target, '/count').then(note('request'));
  await Promise.all([first, second, request]);
  assert.deepEqual(ended, ['request', 'first event', 'second event']);
});

test('the sandbox that an event waited for goes to a request that came meanwhile', async () => {
  const small = await openTestPool(evidence, { size: 1, instancesMax: 1 });
  try {
    const target = deploy({ concurrency: 1, instances: 3 }, {}, BOTH);
    const ended: string[] = [];
    const event = deliver(target, 0, small.pool).then(() => ended.push('event'));
    const request = callIn(small.pool, target, '/count').then(() => ended.push('request'));
    await Promise.all([event, request]);
    assert.deepEqual(ended, ['request', 'event']);
  } finally {
    await small.close();
  }
});

test('a function that waits for room on a full node lets everything else go on', async () => {
  const small = await openTestPool(evidence, { size: 1, instancesMax: 1 });
  try {
    const target = deploy({ concurrency: 1, instances: 3 });
    const first = callIn(small.pool, target, '/sleep?ms=100');
    assert.equal((await callIn(small.pool, target, '/count')).body, '1');
    assert.equal((await first).body, 'slept');
  } finally {
    await small.close();
  }
});

test('events wait up to a bound of each function, requests beside them', async () => {
  const target = deploy({ concurrency: 1, instances: 1 }, {}, BOTH);
  const many = LIMITS.eventsQueuedPerFunctionMax.value;
  const events = Array.from({ length: many + 1 }, () => deliver(target, 0));
  const request = callIn(opened.pool, target, '/count');
  const answers = await Promise.all(events);
  assert.equal(answers.filter(({ error }) => error?.code === 'CORDON_OVERLOADED').length, 1);
  assert.equal(answers.at(-1)?.error?.code, 'CORDON_OVERLOADED');
  assert.equal((await request).body, '1');
});

test('events wait up to a bound of the node, beyond which requests still do', async () => {
  const perFunction = LIMITS.eventsQueuedPerFunctionMax.value;
  const functions = LIMITS.eventsQueuedTotalMax.value / perFunction;
  const targets = Array.from({ length: functions }, () => deploy({ instances: 1 }, {}, EVENTS_ONLY));
  const events = targets.flatMap((target) => Array.from({ length: perFunction }, () => deliver(target, 0)));
  const last = deploy({ instances: 1 }, {}, BOTH);
  const [late, request] = await Promise.all([deliver(last, 0), callIn(opened.pool, last, '/count')]);
  assert.equal(late.error?.code, 'CORDON_OVERLOADED');
  assert.equal(request.body, '1');
  const answers = await Promise.all(events);
  assert.ok(answers.every(({ error }) => error === null));
});

test('events end no idle instance of a function that answers requests; requests do', async () => {
  const small = await openTestPool(evidence, { instancesMax: 1, idleMs: 60_000 });
  try {
    const serving = deploy({}, {}, BOTH);
    assert.equal((await callIn(small.pool, serving, '/count')).body, '1');
    const event = deploy({}, {}, EVENTS_ONLY);
    assert.equal((await deliver(event, 0, small.pool)).error?.code, 'CORDON_OVERLOADED');
    assert.equal((await callIn(small.pool, serving, '/count')).body, '2', 'it lives on');
    const other = deploy({}, {}, BOTH);
    assert.equal((await callIn(small.pool, other, '/count')).body, '1');
    assert.equal((await callIn(small.pool, serving, '/count')).body, '1', 'it was ended for a request');
  } finally {
    await small.close();
  }
});

test('events leave the last warm sandbox to requests while some wait, and take it while none does', async () => {
  const isolation = createBubblewrapIsolation({ harness: await buildHarness() });
  await isolation.prepare();
  let requestsWait = true;
  const pool = new AnonymousPool({ isolation, evidence, size: 1, requestsWait: () => requestsWait });
  try {
    await pool.open();
    const order: string[] = [];
    const forEvent = pool.take(MEMORY_BYTES, 'event').then((instance) => {
      order.push('event');
      return instance;
    });
    assert.equal(pool.status().warm, 1);
    const forRequest = await pool.take(MEMORY_BYTES, 'request');
    order.push('request');
    forRequest.kill();
    (await forEvent).kill();
    assert.deepEqual(order, ['request', 'event']);
    await pool.open();
    requestsWait = false;
    assert.equal(pool.status().warm, 1);
    const taken = pool.take(MEMORY_BYTES, 'event');
    assert.equal(pool.status().warm, 0);
    (await taken).kill();
  } finally {
    pool.close();
    await isolation.close();
  }
});
