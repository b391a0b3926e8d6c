import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { routeLane } from '../events/index.ts';
import {
  PROJECT,
  Served,
  deploymentOf,
  eventRoute,
  newEvent,
  openDelivery,
  queueSource,
  settled,
} from './delivery.fixture.ts';
import type { MemoryEventLog } from './memory-event-log.fixture.ts';

const JOBS = 'queue:jobs';
const worker = { name: 'worker', sources: [queueSource('jobs')] };

test('what is accepted runs the function that consumes its lane, and is done', async () => {
  const { accept, dispatcher, log } = openDelivery([worker]);
  const ids = await accept(JOBS, 3);
  await settled();
  assert.deepEqual(log.done.toSorted(), ids);
  assert.equal(log.waiting.length, 0);
  assert.ok(dispatcher.runs.every(({ served }) => served.fn.spec.name === 'worker'));
});

test('what waited in the log before the start is delivered, and what is of another project is not', async () => {
  const first = openDelivery([worker]);
  first.delivery.close();
  await first.accept(JOBS, 2);
  await first.log.accept([{ ...newEvent(JOBS), project: 'other' }]);
  await settled();
  assert.equal(first.log.done.length, 0, 'nothing is taken after the end');
  const { Delivery } = await import('./index.ts');
  Delivery.open({
    events: first.log,
    dispatcher: first.dispatcher,
    directory: first.served,
    sources: () => first.served.sources(),
    evidence: first.evidence,
    project: PROJECT,
    clock: first.time,
    timers: first.time,
  });
  await settled();
  assert.equal(first.log.done.length, 2);
  assert.equal(first.log.waiting.length, 1);
});

test('an event that is delayed runs when it is due and no earlier, by one timer', async () => {
  const { accept, time, log } = openDelivery([worker]);
  await accept(JOBS, 1, { delayMs: 5000 });
  await time.pass(4999);
  assert.equal(log.done.length, 0);
  assert.equal(time.timers, 1);
  const calls = log.calls.claim;
  await time.pass(1);
  assert.equal(log.done.length, 1);
  assert.ok(log.calls.claim <= calls + 2);
  assert.equal(time.timers, 0, 'nothing is left to wait for');
});

test('nothing is asked of the log while nothing happens', async () => {
  const { accept, time, log } = openDelivery([worker]);
  await accept(JOBS, 5);
  await time.pass(5000 + LIMITS.eventLeaseSlackMs.value);
  const calls = { ...log.calls };
  await time.pass(3_600_000);
  assert.deepEqual(log.calls, calls);
});

test('events of a lane that no function takes are kept, with no attempt counted, until one does', async () => {
  const { accept, dispatcher, log, served, delivery, time } = openDelivery([worker]);
  served.deployments = [];
  delivery.sourcesChanged();
  await accept(JOBS, 2);
  await time.pass(60_000);
  assert.equal(dispatcher.runs.length, 0);
  assert.equal(log.calls.claim, 0);
  assert.deepEqual(
    (await delivery.status()).unserved.map(({ lane, waiting }) => [lane, waiting]),
    [[JOBS, 2]],
  );
  served.deployments = [deploymentOf([{ ...worker, name: 'other' }])];
  delivery.sourcesChanged();
  await settled();
  assert.equal(log.done.length, 2);
  assert.ok(
    dispatcher.runs.every(({ served: { fn }, attempt }) => fn.spec.name === 'other' && attempt === 1),
  );
});

test('a function without the handler for a lane is not given its events', async () => {
  const { accept, dispatcher, served, delivery, log } = openDelivery([
    { ...worker, handlers: ['fetch', 'event'] },
  ]);
  await accept(JOBS, 1);
  await settled();
  assert.equal(dispatcher.runs.length, 0);
  assert.equal((await delivery.status()).unserved.length, 1);
  served.deployments = [deploymentOf([{ ...worker, handlers: ['queue'] }])];
  delivery.sourcesChanged();
  await settled();
  assert.equal(log.done.length, 1);
});

test('a directory that gives another function, or one of another app, gets no event dispatched', async () => {
  const wrong = [
    deploymentOf([{ name: 'intruder', sources: [queueSource('jobs')] }]),
    deploymentOf([worker], 'd2', 'elsewhere'),
    deploymentOf([{ name: 'worker', sources: [queueSource('others')] }]),
  ];
  for (const deployment of wrong) {
    const [fn] = deployment.functions;
    assert.ok(fn !== undefined);
    const directory = { find: () => ({ deployment, fn }) };
    const { accept, dispatcher, evidence, log, time } = openDelivery([worker], { directory });
    await accept(JOBS, 1);
    await time.pass(10_000);
    assert.equal(dispatcher.runs.length, 0);
    assert.deepEqual(
      log.waiting.map(({ attempts }) => attempts),
      [0],
    );
    assert.equal(evidence.recorded[0]?.reason, 'event-for-another-function');
  }
});

test('an event that the log gives out for another lane is not dispatched', async () => {
  const { accept, dispatcher, evidence, log, time } = openDelivery([worker]);
  const claim = log.claim.bind(log);
  log.claim = async (...given) =>
    (await claim(...given)).map((event) => ({ ...event, lane: 'queue:others' }));
  await accept(JOBS, 1);
  await time.pass(500);
  assert.equal(dispatcher.runs.length, 0);
  assert.equal(evidence.recorded[0]?.reason, 'event-for-another-function');
});

test('a lane of a route runs the function that it names, and no route of another path', async () => {
  const routes = [eventRoute('/hooks')];
  const { accept, dispatcher, log } = openDelivery([
    { name: 'hook', routes },
    { name: 'twin', routes },
  ]);
  await accept(routeLane('shop', 'hook', '/hooks'), 1);
  await accept(routeLane('shop', 'hook', '/other'), 1);
  await settled();
  assert.deepEqual(
    dispatcher.runs.map(({ served }) => served.fn.spec.name),
    ['hook'],
  );
  assert.equal(log.waiting.length, 1);
});

/** Holds the next claim back until it is let go. */
function holdClaim(log: MemoryEventLog): () => void {
  const claim = log.claim.bind(log);
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  log.claim = async (...given) => {
    const claimed = await claim(...given);
    log.claim = claim;
    await held;
    return claimed;
  };
  return () => letGo();
}

test('events that were taken for a function that is not served any more go to the next one, uncounted', async () => {
  const { accept, dispatcher, log, served, delivery, time, evidence } = openDelivery([worker]);
  const letGo = holdClaim(log);
  await accept(JOBS, 1);
  await settled();
  served.deployments = [deploymentOf([{ ...worker, name: 'other' }], 'd2')];
  delivery.sourcesChanged();
  letGo();
  await time.pass(2 * LIMITS.eventPauseMs.value);
  assert.deepEqual(
    dispatcher.runs.map(({ served: { fn }, attempt }) => [fn.spec.name, attempt]),
    [['other', 1]],
  );
  assert.equal(log.done.length, 1);
  assert.deepEqual(evidence.recorded, []);
});

test('a queue that moved to another function while its events were taken is of that one alone', async () => {
  const both = new Served([deploymentOf([worker]), deploymentOf([{ ...worker, name: 'other' }], 'd2')]);
  const { accept, dispatcher, log, served, delivery, time } = openDelivery([worker], { directory: both });
  const letGo = holdClaim(log);
  await accept(JOBS, 1);
  await settled();
  served.deployments = both.deployments.slice(1);
  delivery.sourcesChanged();
  letGo();
  await time.pass(2 * LIMITS.eventPauseMs.value);
  assert.deepEqual(
    dispatcher.runs.map(({ served: { fn } }) => fn.spec.name),
    ['other'],
  );
});

test('an event whose lease is too short for what is served by now is taken again', async () => {
  const { accept, dispatcher, log, served, delivery, time } = openDelivery([worker]);
  const letGo = holdClaim(log);
  await accept(JOBS, 1);
  await settled();
  served.deployments = [deploymentOf([{ ...worker, limits: { timeMs: 60_000 } }], 'd2')];
  delivery.sourcesChanged();
  letGo();
  await settled();
  assert.equal(dispatcher.runs.length, 0);
  await time.pass(LIMITS.eventPauseMs.value);
  assert.deepEqual(
    dispatcher.runs.map(({ served: { deployment }, attempt }) => [deployment.id, attempt]),
    [['d2', 1]],
  );
  assert.equal(log.done.length, 1);
});
