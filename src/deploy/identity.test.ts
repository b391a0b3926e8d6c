import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest } from '../manifest/index.ts';
import { deploymentId } from './identity.ts';

const BUNDLES = [{ function: 'main', format: 'script', sha256: '00' }];
const idOf = (extra: object, route: object = {}) => {
  const routes = [{ path: '/', auth: 'public', ...route }];
  const text = JSON.stringify({ name: 'shop', functions: { main: { entry: 'main.ts', routes, ...extra } } });
  return deploymentId(parseManifest(text), BUNDLES);
};

test('an app keeps the id that it had before manifests could say more', () => {
  // Of the last version without sources, pipes and routes that deliver.
  const before = '88368e2217ded35a1513c9be35139709b1e0e43a9b38022510ac6b34d84a229c';
  assert.equal(idOf({}), before);
  assert.equal(idOf({ on: [], grants: { pipe: {} } }), before);
});

test('and gets another one as soon as it says more', () => {
  const ids = [
    idOf({}),
    idOf({ on: [{ queue: 'jobs' }] }),
    idOf({ on: [{ queue: 'jobs', batch: 11 }] }),
    idOf({ grants: { pipe: { OUT: { types: ['order.paid'] } } } }),
    idOf({}, { path: '/other' }),
  ];
  assert.equal(new Set(ids).size, ids.length);
});
