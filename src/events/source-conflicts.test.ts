import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifest } from '../manifest/index.ts';
import { findSourceConflicts } from './index.ts';

const manifestOf = (name: string, ...on: readonly object[]) =>
  parseManifest(JSON.stringify({ name, functions: { main: { entry: 'main.ts', on } } }));

test('a queue or bucket that another app takes from is a conflict, whatever the prefix', () => {
  const shop = manifestOf('shop', { queue: 'jobs' }, { upload: 'photos', prefix: 'in/' });
  const blog = manifestOf('blog', { upload: 'photos', prefix: 'out/' }, { queue: 'jobs' });
  const held = { function: 'main', otherApp: 'shop', otherFunction: 'main' };
  assert.deepEqual(findSourceConflicts(blog, [shop]), [
    { kind: 'bucket', name: 'photos', ...held },
    { kind: 'queue', name: 'jobs', ...held },
  ]);
});

test('an older version of the same app, other names and clocks are none', () => {
  const shop = manifestOf('shop', { queue: 'jobs' }, { upload: 'photos' }, { cron: '0 7 * * *' });
  assert.deepEqual(findSourceConflicts(shop, [shop]), []);
  const blog = manifestOf('blog', { queue: 'photos' }, { upload: 'jobs' }, { cron: '0 7 * * *' });
  assert.deepEqual(findSourceConflicts(blog, [shop]), []);
});
