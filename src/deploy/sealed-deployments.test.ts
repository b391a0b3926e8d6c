import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseManifest } from '../manifest/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openVault, takeEnvironmentKeyWrapper, textSealer } from '../vault/index.ts';
import { Catalogue, deploymentPlaces, type Deployment } from './index.ts';
import { manifestText, temporaryFolder } from './deploy.fixture.ts';

const PROJECT = 'default';

function deploymentOf(id: string): Deployment {
  const manifest = parseManifest(manifestText());
  return { id, app: 'shop', manifest, functions: [], createdAt: Number(`0x${id}`) };
}

async function setUp(test: TestContext) {
  const store = await openSqliteStore({ path: join(await temporaryFolder(test), 'cordon.db') });
  test.after(() => store.close());
  const environment = { CORDON_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
  const vault = await openVault({ store, wrapper: takeEnvironmentKeyWrapper(environment) });
  const sealer = textSealer(vault, PROJECT);
  const open = (): Promise<Catalogue> => Catalogue.open({ store, sealer, findConflicts: () => [] });
  const catalogue = await open();
  for (const id of ['a1', 'a2'])
    await catalogue.publish({ deployment: deploymentOf(id), runtime: 'r' }, null);
  return { store, vault, open, catalogue };
}

test('keeps deployments sealed, and takes them along when the data key is rotated', async (t) => {
  const { store, vault, open, catalogue } = await setUp(t);
  await vault.rotateDataKey(PROJECT);
  const progress = await vault.reseal(PROJECT, deploymentPlaces(store, vault, PROJECT));
  assert.deepEqual(
    progress.map(({ place, rewritten, broken }) => [place, rewritten, broken]),
    [
      ['deployments.manifest', 2, 0],
      ['deployments.functions', 2, 0],
    ],
  );
  const again = await open();
  assert.deepEqual(again.apps(), catalogue.apps());
  assert.deepEqual(
    (await again.deployments('shop')).map(({ id }) => id),
    ['a2', 'a1'],
  );
  const rows = await store.query<{ manifest: Uint8Array; functions: Uint8Array }>({
    sql: 'SELECT manifest, functions FROM deployments',
    parameters: [],
  });
  for (const { manifest, functions } of rows) {
    assert.ok(!Buffer.from(manifest).includes('shop'));
    assert.ok(!Buffer.from(functions).includes('runtime'));
  }
});

test('does not open a deployment that was put in place of another, or in the clear', async (t) => {
  const { store, open } = await setUp(t);
  const put = (value: string): Promise<number[]> =>
    store.commit([
      { sql: `UPDATE deployments SET manifest = ${value} WHERE id = 'a2'`, parameters: [], changes: 1 },
    ]);
  await put(`(SELECT manifest FROM deployments WHERE id = 'a1')`);
  await assert.rejects(open(), { code: 'CORDON_SEAL_BROKEN' });
  await put(`CAST('{}' AS BLOB)`);
  await assert.rejects(open(), { code: 'CORDON_SEAL_BROKEN' });
});
