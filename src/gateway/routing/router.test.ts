import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findConflicts } from './conflicts.ts';
import { appOf, manifestOf, routeOf } from '../gateway.fixture.ts';
import { Refusal } from '../stages/refusal.ts';
import { compileRoutes } from './router.ts';
import type { RouteTable } from './router.ts';
import { parseTarget } from './target.ts';

/** `function@deployment`, or the methods allowed. */
function look(
  table: RouteTable,
  path: string,
  options: { method?: string; host?: string; draw?: number } = {},
): string {
  const { method = 'GET', host = 'any.example', draw = 50 } = options;
  const target = parseTarget({ method, target: path, host, scheme: 'http', urlBytesMax: 1000 });
  assert.ok(!(target instanceof Refusal));
  const found = table.match(target, draw);
  return found.kind === 'match'
    ? `${found.fn.spec.name}@${found.deployment.id[0] ?? ''}`
    : `not: ${found.allow.join(' ')}`;
}

test('the most specific pattern wins: literal, then parameter, then rest', () => {
  const table = compileRoutes([
    appOf(
      manifestOf('shop', {
        rest: [routeOf('/*')],
        one: [routeOf('/orders/:id')],
        literal: [routeOf('/orders/new')],
        deep: [routeOf('/orders/:id/items')],
        tail: [routeOf('/orders/*')],
      }),
    ),
  ]);
  assert.equal(look(table, '/orders/new'), 'literal@a');
  assert.equal(look(table, '/orders/7'), 'one@a');
  assert.equal(look(table, '/orders/new/items'), 'deep@a');
  assert.equal(look(table, '/orders/7/items/2'), 'tail@a');
  assert.equal(look(table, '/orders/'), 'tail@a');
  assert.equal(look(table, '/orders'), 'rest@a');
  assert.equal(look(table, '/'), 'rest@a');
});

test('a parameter takes one segment that is not empty, and a rest does not take the folder itself', () => {
  const table = compileRoutes([
    appOf(manifestOf('shop', { one: [routeOf('/a/:x')], tail: [routeOf('/b/*')] })),
  ]);
  assert.equal(look(table, '/a/1'), 'one@a');
  assert.equal(look(table, '/a/'), 'not: ');
  assert.equal(look(table, '/a/1/2'), 'not: ');
  assert.equal(look(table, '/b/'), 'tail@a');
  assert.equal(look(table, '/b'), 'not: ');
});

test('a less specific pattern never serves a method that a more specific one refuses', () => {
  const table = compileRoutes([
    appOf(
      manifestOf('shop', {
        wide: [routeOf('/admin/*')],
        narrow: [routeOf('/admin/keys', 'control', ['POST', 'GET'])],
      }),
    ),
  ]);
  assert.equal(look(table, '/admin/keys', { method: 'POST' }), 'narrow@a');
  assert.equal(look(table, '/admin/keys', { method: 'DELETE' }), 'not: GET HEAD POST');
  assert.equal(look(table, '/admin/keys', { method: 'TRACE' }), 'not: GET HEAD POST');
  assert.equal(look(table, '/admin/other', { method: 'DELETE' }), 'wide@a');
});

test('HEAD is served by a route for GET unless a route names HEAD', () => {
  const table = compileRoutes([
    appOf(
      manifestOf('shop', {
        get: [routeOf('/a', 'public', ['GET']), routeOf('/b', 'public', ['GET'])],
        head: [routeOf('/a', 'public', ['HEAD'])],
        post: [routeOf('/c', 'public', ['POST'])],
      }),
    ),
  ]);
  assert.equal(look(table, '/a', { method: 'HEAD' }), 'head@a');
  assert.equal(look(table, '/b', { method: 'HEAD' }), 'get@a');
  assert.equal(look(table, '/c', { method: 'HEAD' }), 'not: POST');
});

test('a host that an app names belongs to it alone, and other hosts to apps that name none', () => {
  const table = compileRoutes([
    appOf(manifestOf('named', { named: [routeOf('/a')] }, { hosts: ['shop.example'] })),
    appOf(manifestOf('open', { open: [routeOf('/a'), routeOf('/b')] })),
  ]);
  assert.equal(look(table, '/a', { host: 'SHOP.example:8080' }), 'named@a');
  assert.equal(look(table, '/b', { host: 'shop.example' }), 'not: ');
  assert.equal(look(table, '/b', { host: 'sub.shop.example' }), 'open@a');
});

test('a canary serves its share of the draws with its own routes and auth', () => {
  const canary = manifestOf('shop', { main: [routeOf('/a', 'control')], extra: [routeOf('/new')] });
  const table = compileRoutes([
    appOf(manifestOf('shop', { main: [routeOf('/a')], old: [routeOf('/:any')] }), {
      manifest: canary,
      percent: 20,
    }),
  ]);
  assert.equal(look(table, '/a', { draw: 19.99 }), 'main@b');
  assert.equal(look(table, '/a', { draw: 20 }), 'main@a');
  assert.equal(look(table, '/new', { draw: 0 }), 'extra@b');
  assert.equal(look(table, '/new', { draw: 99 }), 'old@a');
  assert.equal(look(table, '/other', { draw: 0 }), 'not: ');
});

test('a canary of 0 percent serves nothing and one of 100 everything', () => {
  const canary = manifestOf('shop', { main: [routeOf('/a')] });
  const none = compileRoutes([appOf(canary, { manifest: canary, percent: 0 })]);
  const all = compileRoutes([appOf(canary, { manifest: canary, percent: 100 })]);
  assert.equal(none.hasCanary, false);
  for (const draw of [0, 99.99]) {
    assert.equal(look(none, '/a', { draw }), 'main@a');
    assert.equal(look(all, '/a', { draw }), 'main@b');
  }
});

test('routes that claim the same host, path and method conflict, whatever their parameters are called', () => {
  const candidate = manifestOf('shop', { main: [routeOf('/orders/:id', 'public', ['GET', 'PUT'])] });
  const other = manifestOf('desk', { orders: [routeOf('/orders/:number', 'control', ['PUT'])] });
  assert.deepEqual(findConflicts(candidate, [other]), [
    {
      host: null,
      method: 'PUT',
      app: 'shop',
      function: 'main',
      path: '/orders/:id',
      otherApp: 'desk',
      otherFunction: 'orders',
      otherPath: '/orders/:number',
    },
  ]);
});

test('routes of other methods, hosts or shapes, and older versions of the same app, do not conflict', () => {
  const candidate = manifestOf('shop', { main: [routeOf('/orders/:id', 'public', ['GET'])] });
  assert.deepEqual(
    findConflicts(candidate, [
      manifestOf('desk', {
        main: [routeOf('/orders/:id', 'public', ['PUT']), routeOf('/orders/new'), routeOf('/orders/*')],
      }),
      manifestOf('hosted', { main: [routeOf('/orders/:id')] }, { hosts: ['a.example'] }),
      manifestOf('shop', { main: [routeOf('/orders/:id')] }),
    ]),
    [],
  );
});

test('two functions of one manifest conflict as two apps do', () => {
  const conflicts = findConflicts(
    manifestOf('shop', { a: [routeOf('/x', 'public', ['GET'])], b: [routeOf('/x', 'control', ['GET'])] }),
    [],
  );
  assert.deepEqual(
    conflicts.map(({ function: fn, otherFunction }) => [fn, otherFunction]),
    [['b', 'a']],
  );
});
