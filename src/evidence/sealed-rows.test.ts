import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { openSqliteStore, type Store } from '../store/index.ts';
import { openVault, takeEnvironmentKeyWrapper, textSealer, type Vault } from '../vault/index.ts';
import { createEvidence, evidencePlaces, type Evidence } from './index.ts';

const PROJECT = 'default';
const LINE = {
  level: 'info',
  source: 'function',
  app: 'shop',
  function: 'orders',
  deployment: '0123456789ab',
  instance: 'ins_1',
  request: 'req_1',
} as const;
const EVENT = {
  kind: 'auth.failed',
  severity: 'low',
  app: null,
  function: null,
  instance: null,
  request: null,
  reason: 'CORDON_UNAUTHENTICATED',
} as const;

let folder: string;
let store: Store;
let vault: Vault;
let evidence: Evidence;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cordon-sealed-evidence-'));
  store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const environment = { CORDON_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
  vault = await openVault({ store, wrapper: takeEnvironmentKeyWrapper(environment) });
  evidence = createEvidence({ store, sealer: textSealer(vault, PROJECT) });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function change(sql: string): Promise<void> {
  await store.commit([{ sql, parameters: [], changes: 1 }]);
}

async function messages(): Promise<string[]> {
  return (await evidence.logs({})).map(({ message }) => message);
}

test('seals what lines and events tell, and gives it to those who ask and follow', async () => {
  const followed: string[] = [];
  evidence.follow(({ message }) => void followed.push(message));
  evidence.log({ ...LINE, message: 'a message of a user' });
  evidence.record({ ...EVENT, detail: { note: 'a detail of a user' } });
  assert.deepEqual(await messages(), ['a message of a user']);
  assert.deepEqual(followed, ['a message of a user']);
  const [event] = await evidence.events({});
  assert.deepEqual(event?.detail, { note: 'a detail of a user' });
  for (const name of readdirSync(folder)) {
    assert.ok(!readFileSync(join(folder, name)).includes('of a user'), name);
  }
});

test('shows a row that was changed or moved as such, and the others as they are', async () => {
  for (const message of ['one', 'two', 'three', 'four', 'five']) {
    evidence.log({ ...LINE, request: message === 'five' ? null : 'req_1', message });
  }
  await evidence.flush();
  await change(`UPDATE logs SET message = (SELECT message FROM logs WHERE sequence = 1) WHERE sequence = 2`);
  await change(`UPDATE logs SET source = 'platform' WHERE sequence = 3`);
  await change(`UPDATE logs SET message = CAST('forged' AS BLOB) WHERE sequence = 4`);
  // Null is not the empty text.
  await change(`UPDATE logs SET request = '' WHERE sequence = 5`);
  const closed = '[cannot be opened]';
  assert.deepEqual(await messages(), ['one', closed, closed, closed, closed]);
  await change(`UPDATE logs SET source = 'function' WHERE sequence = 3`);
  assert.deepEqual(await messages(), ['one', closed, 'three', closed, closed]);

  evidence.record({ ...EVENT, detail: { count: 1 } });
  await evidence.flush();
  await change(`UPDATE security_events SET severity = 'info' WHERE sequence = 1`);
  assert.deepEqual((await evidence.events({}))[0]?.detail, { unreadable: closed });
});

test('takes evidence along when the data key is rotated', async () => {
  for (let index = 0; index < 12; index += 1) evidence.log({ ...LINE, message: `line ${index}` });
  evidence.record({ ...EVENT, detail: { count: 1 } });
  await evidence.flush();
  await vault.rotateDataKey(PROJECT);
  evidence.log({ ...LINE, message: 'line 12' });
  await evidence.flush();
  const progress = await vault.reseal(PROJECT, evidencePlaces(store, vault, PROJECT));
  assert.deepEqual(
    progress.map(({ place, seen, rewritten, broken }) => ({ place, seen, rewritten, broken })),
    [
      { place: 'logs.message', seen: 13, rewritten: 12, broken: 0 },
      { place: 'security_events.detail', seen: 1, rewritten: 1, broken: 0 },
    ],
  );
  assert.deepEqual(
    await messages(),
    Array.from({ length: 13 }, (_, index) => `line ${index}`),
  );
  assert.deepEqual((await evidence.events({}))[0]?.detail, { count: 1 });
});

test('hides no row when the keys are gone', async () => {
  evidence.log({ ...LINE, message: 'a message' });
  await evidence.flush();
  await vault.shredProject(PROJECT);
  assert.deepEqual(await messages(), ['[cannot be opened]']);
});
