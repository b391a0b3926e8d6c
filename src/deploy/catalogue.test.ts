import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseManifest } from '../manifest/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import { Catalogue, type Deployment, type FindConflicts } from './index.ts';
import { failureOf, manifestText, temporaryFolder } from './deploy.fixture.ts';

function deploymentOf(id: string, app = 'shop'): Deployment {
  const manifest = parseManifest(manifestText(undefined, app));
  const kept = {
    format: 'script',
    bundle: 'b',
    bundleBytes: 1,
    sourceMap: null,
    codeCache: null,
    handlers: ['fetch'],
  } as const;
  return {
    id,
    app,
    manifest,
    functions: manifest.functions.map((spec) => ({ spec, ...kept })),
    createdAt: Number(`0x${id}`),
  };
}

const stored = (id: string, app?: string) => ({ deployment: deploymentOf(id, app), runtime: 'r' });
const noConflicts: FindConflicts = () => [];

async function setUp(
  test: TestContext,
  findConflicts = noConflicts,
): Promise<{ catalogue: Catalogue; store: Store }> {
  const store = await openSqliteStore({ path: join(await temporaryFolder(test), 'cordon.sqlite') });
  test.after(() => store.close());
  return { store, catalogue: await Catalogue.open({ store, findConflicts }) };
}

test('what was served is served again after a restart, with each specification in memory once', async (t) => {
  const { catalogue, store } = await setUp(t);
  await catalogue.publish(stored('a1'), null);
  await catalogue.publish(stored('a2'), null);
  await catalogue.publish(stored('a3'), 20);
  await catalogue.publish(stored('b1', 'blog'), null);
  const again = await Catalogue.open({ store, findConflicts: noConflicts });
  assert.deepEqual(again.apps(), catalogue.apps());
  const { alias, live, canary } = again.app('shop');
  assert.deepEqual(alias, {
    app: 'shop',
    live: 'a2',
    canary: { deployment: 'a3', percent: 20 },
    previous: 'a1',
  });
  assert.equal(canary?.id, 'a3');
  assert.equal(live.functions[0]?.spec, live.manifest.functions[0]);
  assert.deepEqual(
    (await again.deployments('shop')).map(({ id }) => id),
    ['a3', 'a2', 'a1'],
  );
});

test('rollback goes to the previous deployment or to a named one, and only to those of the app', async (t) => {
  const { catalogue } = await setUp(t);
  await catalogue.publish(stored('a1'), null);
  assert.equal((await failureOf(catalogue.rollback('shop', null))).code, 'CORDON_DEPLOYMENT_UNKNOWN');
  await catalogue.publish(stored('a2'), null);
  await catalogue.publish(stored('b1', 'blog'), null);
  assert.deepEqual(await catalogue.rollback('shop', null), {
    app: 'shop',
    live: 'a1',
    canary: null,
    previous: 'a2',
  });
  assert.deepEqual(await catalogue.rollback('shop', 'a2'), {
    app: 'shop',
    live: 'a2',
    canary: null,
    previous: 'a1',
  });
  assert.equal((await failureOf(catalogue.rollback('shop', 'b1'))).code, 'CORDON_DEPLOYMENT_UNKNOWN');
  assert.equal((await failureOf(catalogue.rollback('nope', null))).code, 'CORDON_APP_UNKNOWN');
  assert.equal(catalogue.app('shop').live.id, 'a2');
});

test('a canary is set, changed, ended and promoted', async (t) => {
  const { catalogue } = await setUp(t);
  assert.equal((await failureOf(catalogue.publish(stored('a1'), 10))).code, 'CORDON_CANARY_INVALID');
  await catalogue.publish(stored('a1'), null);
  await catalogue.publish(stored('a2'), 0);
  assert.equal(catalogue.app('shop').live.id, 'a1');
  assert.deepEqual((await catalogue.setCanary('shop', 'a2', 100)).canary, { deployment: 'a2', percent: 100 });
  for (const percent of [-1, 101, 0.5, Number.NaN]) {
    assert.equal((await failureOf(catalogue.setCanary('shop', 'a2', percent))).code, 'CORDON_CANARY_INVALID');
  }
  assert.equal((await failureOf(catalogue.setCanary('shop', 'a1', 10))).code, 'CORDON_CANARY_INVALID');
  assert.equal((await catalogue.clearCanary('shop')).canary, null);
  assert.equal((await failureOf(catalogue.promoteCanary('shop'))).code, 'CORDON_CANARY_INVALID');
  await catalogue.setCanary('shop', 'a2', 5);
  assert.deepEqual(await catalogue.promoteCanary('shop'), {
    app: 'shop',
    live: 'a2',
    canary: null,
    previous: 'a1',
  });
});

test('a route that another app serves is refused, for a rollback too, and nothing changes', async (t) => {
  let conflicting = false;
  const clash = {
    host: null,
    method: 'GET',
    path: '/',
    function: 'main',
    otherApp: 'blog',
    otherFunction: 'main',
    otherPath: '/',
  };
  const { catalogue, store } = await setUp(t, () => (conflicting ? [clash] : []));
  await catalogue.publish(stored('a1'), null);
  await catalogue.publish(stored('a2'), null);
  let changes = 0;
  catalogue.onChange(() => changes++);
  conflicting = true;
  assert.equal((await failureOf(catalogue.publish(stored('a3'), null))).code, 'CORDON_ROUTE_CONFLICT');
  assert.equal((await failureOf(catalogue.rollback('shop', null))).code, 'CORDON_ROUTE_CONFLICT');
  assert.equal(changes, 0);
  assert.equal(await catalogue.find('a3'), null);
  const again = await Catalogue.open({ store, findConflicts: noConflicts });
  assert.equal(again.app('shop').live.id, 'a2');
});

test('a queue or bucket that another app takes from is refused, until that app lets go of it', async (t) => {
  const { catalogue } = await setUp(t);
  const taking = (id: string, app: string, on: readonly object[]) => {
    const manifest = parseManifest(
      JSON.stringify({ name: app, functions: { main: { entry: 'src/main.ts', on } } }),
    );
    const functions = deploymentOf(id, app).functions.slice(0, 1);
    return { deployment: { ...deploymentOf(id, app), manifest, functions }, runtime: 'r' };
  };
  await catalogue.publish(
    taking('a1', 'shop', [{ queue: 'jobs' }, { upload: 'photos', prefix: 'in/' }]),
    null,
  );
  for (const source of [{ queue: 'jobs' }, { upload: 'photos' }]) {
    const refused = await failureOf(catalogue.publish(taking('b1', 'blog', [source]), null));
    assert.equal(refused.code, 'CORDON_SOURCE_CONFLICT');
  }
  await catalogue.publish(taking('b2', 'blog', [{ queue: 'posts' }]), null);
  assert.equal((await catalogue.publish(taking('a2', 'shop', [{ queue: 'jobs' }]), null)).alias.live, 'a2');
  await catalogue.publish(taking('b3', 'blog', [{ upload: 'photos' }]), null);
  assert.equal((await failureOf(catalogue.rollback('shop', null))).code, 'CORDON_SOURCE_CONFLICT');
  assert.equal(catalogue.app('shop').live.id, 'a2');
});

test('an alias that was moved elsewhere is not overwritten, and the deployment is not left behind', async (t) => {
  const { catalogue, store } = await setUp(t);
  await catalogue.publish(stored('a1'), null);
  const other = await Catalogue.open({ store, findConflicts: noConflicts });
  await other.publish(stored('a2'), null);
  assert.equal((await failureOf(catalogue.publish(stored('a3'), null))).code, 'CORDON_STORE_CONFLICT');
  assert.equal(catalogue.app('shop').live.id, 'a1');
  assert.equal(await other.find('a3'), null);
});

test('changes that come at once are made one after the other', async (t) => {
  const { catalogue } = await setUp(t);
  let changes = 0;
  const stop = catalogue.onChange(() => changes++);
  await Promise.all(['a1', 'a2', 'a3', 'a4'].map((id) => catalogue.publish(stored(id), null)));
  assert.deepEqual(catalogue.app('shop').alias, { app: 'shop', live: 'a4', canary: null, previous: 'a3' });
  stop();
  await catalogue.publish(stored('a5'), null);
  assert.equal(changes, 4);
});
