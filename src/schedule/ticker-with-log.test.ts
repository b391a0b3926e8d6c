import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEventLog } from '../events/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openFileKeyWrapper, openVault } from '../vault/index.ts';
import { createEvidence } from '../evidence/index.ts';
import { Ticker } from './index.ts';
import { SECOND, tableOf, TestTime } from './schedule.fixture.ts';

test('a tick is an event of the log that a consumer can claim, and is one even if the note of it is lost', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-schedule-'));
  const store = await openSqliteStore({ path: join(folder, 'cordon.sqlite') });
  const vault = await openVault({
    store,
    wrapper: openFileKeyWrapper({ path: join(folder, 'master.key'), create: true }),
  });
  const time = new TestTime(Date.parse('2026-01-05T06:30:00.000Z'));
  const evidence = createEvidence({ store, clock: time });
  const events = await openEventLog({ store, sealer: vault, clock: time, evidence });
  t.after(async () => {
    await events.close();
    await evidence.flush();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  const table = tableOf({ cron: '*/10 * * * * *', catchUp: 'all' });
  const open = () =>
    Ticker.open({
      store,
      events,
      evidence,
      project: 'default',
      sources: () => table,
      clock: time,
      timers: time,
    });
  const first = await open();
  await time.pass(20 * SECOND, () => first.idle());
  await first.close();
  const [lane = ''] = table.crons().map((source) => source.lane);
  // As after the restore of an older backup of this one table.
  const moved = await store.commit([
    { sql: 'update schedules set last_at = started_at', parameters: [], changes: 1 },
  ]);
  assert.deepEqual(moved, [1]);
  const second = await open();
  await time.pass(10 * SECOND, () => second.idle());
  await second.close();
  const claimed = await events.claim('default', lane, {
    limit: 10,
    bytesMax: 1000,
    leaseMs: 1000,
    ordered: false,
  });
  assert.deepEqual(
    claimed.map(({ event }) => [event.attributes.type, event.attributes['cordonscheduledtime'], event.data]),
    [10, 20, 30].map((second) => [
      'cordon.schedule.tick',
      String(Date.parse(`2026-01-05T06:30:${second}.000Z`)),
      null,
    ]),
  );
});
