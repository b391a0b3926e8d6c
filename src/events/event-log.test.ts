import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { eventLogContract } from './event-log.contract.ts';
import { eventOperationsContract } from './event-operations.contract.ts';
import { CLAIM, LANE, PROJECT, newEvent, openStoredLog, type StoredLog } from './event-log.fixture.ts';

let opened: StoredLog;
before(async () => {
  opened = await openStoredLog();
});
after(() => opened.close());

eventLogContract('store', () => opened.emptied());
eventOperationsContract('store', () => opened.emptied());

test('makes prepared events durable with what its caller commits, or not at all', async () => {
  const bounded = await openStoredLog({ waitingMax: 3 });
  const { log, store } = bounded;
  const setting = (value: string) => ({
    sql: 'insert into settings (name, value) values (?, ?)',
    parameters: ['a', value],
  });
  const good = await log.prepare([newEvent({ key: 'a' }), newEvent({ key: 'a' }), newEvent()]);
  const changes = await store.commit([setting('1'), ...good.writes]);
  const accepted = good.committed(changes.slice(1));
  assert.deepEqual(
    accepted.map(({ id }) => id === null),
    [false, true, false],
  );
  good.failed();
  assert.equal(log.lanes()[0]?.waiting, 2);
  const bad = await log.prepare([newEvent()]);
  await assert.rejects(log.prepare([newEvent()]), { code: 'CORDON_EVENTS_FULL' });
  await assert.rejects(store.commit([setting('2'), ...bad.writes]), { code: 'CORDON_STORE_CONFLICT' });
  bad.failed();
  bad.failed();
  assert.equal(log.lanes()[0]?.waiting, 2);
  assert.equal((await log.claim(PROJECT, LANE, CLAIM)).length, 2);
  await bounded.close();
});
