import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openEventLog } from '../events/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openFileKeyWrapper, openVault } from '../vault/index.ts';
import {
  FakeDispatcher,
  FakeTime,
  PROJECT,
  RecordingEvidence,
  Served,
  deploymentOf,
  newEvent,
  queueSource,
} from './delivery.fixture.ts';
import { Delivery } from './index.ts';

const DAY_MS = 24 * 3600 * 1000;
const DELAY_MS = 5_000;
/** Steps of a second that pass at most, each with a moment for the store. */
const SECONDS_MAX = 60;
const STORE_PAUSE_MS = 5;

for (const byMs of [-DAY_MS, DAY_MS]) {
  test(`what waits for its time is delivered although the clock is set by ${byMs / DAY_MS} days`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-delivery-'));
    const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
    const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
    const sealer = await openVault({ store, wrapper });
    const time = new FakeTime();
    const evidence = new RecordingEvidence();
    const events = await openEventLog({ store, sealer, clock: time, evidence });
    const dispatcher = new FakeDispatcher();
    const served = new Served([deploymentOf([{ name: 'worker', sources: [queueSource('jobs')] }])]);
    const delivery = Delivery.open({
      events,
      dispatcher,
      directory: served,
      sources: () => served.sources(),
      evidence,
      project: PROJECT,
      clock: time,
      timers: time,
    });
    const seconds = async (count: number): Promise<void> => {
      for (let passed = 0; passed < count && dispatcher.runs.length === 0; passed += 1) {
        await time.pass(1000);
        await new Promise((resolve) => setTimeout(resolve, STORE_PAUSE_MS));
      }
    };
    try {
      await events.accept([{ ...newEvent('queue:jobs'), delayMs: DELAY_MS }]);
      await seconds(2);
      time.set(byMs);
      await seconds(SECONDS_MAX);
      assert.equal(dispatcher.runs.length, 1);
    } finally {
      await delivery.drain();
      delivery.close();
      await events.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
