import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_GRANTS, handlersNeeded, missingHandlers, parseManifest, readStoredManifest } from './index.ts';
import type { Manifest } from './index.ts';

function manifestOf(pipe: unknown, taker: unknown = {}): Manifest {
  const sender = { entry: 'a.ts', ...(pipe === null ? {} : { grants: { pipe: { NEXT: pipe } } }) };
  return parseManifest(
    JSON.stringify({ name: 'app', functions: { sender, taker: { entry: 'b.ts', ...(taker as object) } } }),
  );
}

test('a grant of a pipe names the types that may be sent, and takes no pattern', () => {
  assert.deepEqual(manifestOf({ types: ['order.created', 'a'] }).functions[0]?.grants, {
    ...NO_GRANTS,
    pipe: { NEXT: { types: ['order.created', 'a'] } },
  });
  const longest = 'a'.repeat(100);
  const fifty = Array.from({ length: 50 }, (_, index) => `t${index}`);
  manifestOf({ types: [longest] });
  manifestOf({ types: fifty });
  const refused = [
    [],
    [...fifty, 'more'],
    [`${longest}a`],
    ['order.*'],
    ['*'],
    ['Order'],
    ['a..b'],
    ['.a'],
    ['a.'],
    [''],
  ];
  for (const types of refused)
    assert.throws(() => manifestOf({ types }), { code: 'CORDON_MANIFEST_INVALID' });
  assert.throws(() => manifestOf({}), { code: 'CORDON_MANIFEST_INVALID' });
  assert.throws(() => manifestOf({ types: ['a'], can: ['send'] }), { code: 'CORDON_MANIFEST_INVALID' });
});

test('a manifest that was stored before there were pipes grants none', () => {
  const manifest = manifestOf(null);
  const stored = {
    ...manifest,
    functions: manifest.functions.map((fn) => {
      const { pipe: _, ...grants } = fn.grants;
      return { ...fn, grants };
    }),
  };
  assert.deepEqual(readStoredManifest(JSON.stringify(stored)).functions[0]?.grants, NO_GRANTS);
});

test('sources and routes say which handlers a function needs, and each that is missing is told once', () => {
  const on = [{ queue: 'jobs' }, { cron: '* * * * *' }, { upload: 'photos' }, { pipe: 'sender' }];
  const [sender, taker] = manifestOf({ types: ['a'] }, { on }).functions;
  assert.ok(sender !== undefined && taker !== undefined);
  assert.deepEqual(handlersNeeded(sender), []);
  assert.deepEqual(
    handlersNeeded(taker).map(({ handler, path }) => [handler, ...path]),
    [
      ['queue', 'on', 0],
      ['scheduled', 'on', 1],
      ['event', 'on', 2],
      ['event', 'on', 3],
    ],
  );
  assert.deepEqual(missingHandlers(taker, ['fetch']), ['queue', 'scheduled', 'event']);
  assert.deepEqual(missingHandlers(taker, ['queue', 'event']), ['scheduled']);
  assert.deepEqual(missingHandlers(taker, ['queue', 'event', 'scheduled']), []);
  const [route] =
    parseManifest(
      JSON.stringify({
        name: 'app',
        functions: { f: { entry: 'a.ts', routes: [{ path: '/', auth: 'public' }] } },
      }),
    ).functions[0]?.routes ?? [];
  assert.ok(route !== undefined);
  const delivering = { ...taker, sources: [], routes: [route, { ...route, deliver: 'webhook' as const }] };
  assert.deepEqual(handlersNeeded(delivering), [{ handler: 'event', path: ['routes', 1] }]);
});
