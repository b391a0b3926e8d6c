import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { openDelivery, queueSource, settled } from './delivery.fixture.ts';
import type { Opened, SeenRun } from './delivery.fixture.ts';

const worker = { name: 'worker', sources: [queueSource('jobs', { attempts: 1 })] };

/** One run that has no answer yet. */
async function oneRun(): Promise<Opened & { readonly run: SeenRun; readonly id: string }> {
  const opened = openDelivery([worker]);
  opened.dispatcher.answer = () => null;
  const [id = ''] = await opened.accept('queue:jobs', 1);
  await settled();
  const [run] = opened.dispatcher.runs;
  assert.ok(run !== undefined);
  return { ...opened, run, id };
}

test('an outcome may come in pieces', async () => {
  const { run, log } = await oneRun();
  run.sink.head(200, [], Buffer.from('{"ok"'), false);
  run.sink.data(Buffer.from(':true}'));
  run.sink.end();
  await settled();
  assert.equal(log.done.length, 1);
});

test('an outcome at its limit is read, and one byte more ends the run', async () => {
  const most = LIMITS.eventOutcomeBytesMax.value;
  const within = await oneRun();
  within.run.sink.head(200, [], Buffer.from('{"ok":true}'.padEnd(most)), true);
  await settled();
  assert.equal(within.log.done.length, 1);
  const past = await oneRun();
  past.run.sink.head(200, [], Buffer.from('{"ok":true}'.padEnd(most)), false);
  past.run.sink.data(Buffer.from(' '));
  past.run.sink.end();
  await settled();
  assert.ok(past.run.aborted);
  assert.match(past.log.dead.get(past.id) ?? '', /^CORDON_FUNCTION_RESPONSE/);
});

test('an answer of another status is no outcome, whatever it says', async () => {
  for (const status of [201, 204, 500, 101]) {
    const { run, log, id } = await oneRun();
    run.sink.head(status, [], Buffer.from('{"ok":true}'), true);
    await settled();
    assert.match(log.dead.get(id) ?? '', /^CORDON_FUNCTION_RESPONSE/);
  }
});

test('what comes after the end of a run changes nothing', async () => {
  const { run, log, time, delivery, dispatcher } = await oneRun();
  await time.pass(5000 + LIMITS.eventLeaseSlackMs.value);
  const dead = log.dead.size;
  run.sink.head(200, [], Buffer.from('{"ok":true}'), true);
  run.sink.end();
  await settled();
  assert.deepEqual([log.dead.size, log.done.length], [dead, 0]);
  assert.equal((await delivery.status()).inFlight, 0);
  assert.equal(dispatcher.runs.length, 1);
});
