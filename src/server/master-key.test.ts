import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openSqliteStore } from '../store/index.ts';
import { openMasterKey } from './master-key.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-master-key-'));
const store = await openSqliteStore({ path: join(root, 'cordon.db') });
after(async () => {
  await store.close();
  rmSync(root, { recursive: true, force: true });
});

test('a key in the environment is used and taken out of it, and no file is made', async () => {
  const environment: Record<string, string | undefined> = {
    CORDON_MASTER_KEY: randomBytes(32).toString('base64'),
  };
  const key = await openMasterKey(store, root, environment);
  assert.equal(key.wrapper.id.startsWith('environment'), true);
  assert.equal(key.file, null);
  assert.equal(environment['CORDON_MASTER_KEY'], undefined);
  assert.equal(existsSync(join(root, 'master.key')), false);
});

test('programs and key services are named by the environment, and what they lack is named too', async () => {
  const open = (environment: Record<string, string>): Promise<string> =>
    openMasterKey(store, root, environment).then(({ wrapper }) => wrapper.id);
  assert.match(await open({ CORDON_MASTER_KEY_COMMAND: '["/usr/bin/kms","wrap"]' }), /^command:/);
  await assert.rejects(open({ CORDON_MASTER_KEY_COMMAND: 'kms wrap' }), { code: 'CORDON_KEY_INVALID' });
  const transit = { CORDON_MASTER_KEY_TRANSIT: 'cordon', VAULT_ADDR: 'https://vault.example.com:8200' };
  assert.match(await open(transit), /cordon/);
  await assert.rejects(open({ CORDON_MASTER_KEY_TRANSIT: 'cordon' }), {
    code: 'CORDON_KEY_INVALID',
    message: /VAULT_ADDR/,
  });
  assert.match(await open({ CORDON_MASTER_KEY_AWS: 'alias/cordon', AWS_REGION: 'eu-central-1' }), /cordon/);
  await assert.rejects(open({ CORDON_MASTER_KEY_AWS: 'alias/cordon' }), { message: /AWS_REGION/ });
});

test('without a word a file is made once, while nothing is sealed', async () => {
  const first = await openMasterKey(store, root, {});
  const second = await openMasterKey(store, root, {});
  assert.equal(first.wrapper.id, second.wrapper.id);
  rmSync(join(root, 'master.key'));
  const row = { project: 'p', version: 1, wrapped: new Uint8Array(1), wrapper: 'x', created_at: 0 };
  const sql = 'INSERT INTO data_keys (project, version, wrapped, wrapper, created_at) VALUES (?, ?, ?, ?, ?)';
  await store.commit([{ sql, parameters: Object.values(row) }]);
  await assert.rejects(openMasterKey(store, root, {}), { code: /^CORDON_KEY_/ });
});
