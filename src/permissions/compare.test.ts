import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_GRANTS, type Grants } from '../manifest/index.ts';
import { compare, type Comparison } from './compare.ts';
import type { Finding, Known, Unknown, Use } from './finding.ts';

const PLACE = { file: 'src/a.ts', line: 3, column: 5 };

function use(
  capability: Use['capability'],
  binding: string | null,
  operation: string,
  resource?: string,
): Use {
  const known: Known | null =
    resource === undefined ? null : { text: resource.replace('…', ''), whole: !resource.endsWith('…') };
  return { kind: 'use', capability, binding, operation, resource: known, place: PLACE };
}

function unknown(reason: Unknown['reason'], detail = ''): Unknown {
  return { kind: 'unknown', reason, detail, place: PLACE };
}

function run(findings: readonly Finding[], grants: Partial<Grants>): Comparison {
  return compare(findings, [], { ...NO_GRANTS, ...grants });
}

function missing(findings: readonly Finding[], grants: Partial<Grants>): string[] {
  return run(findings, grants).missing.map(
    (item) => `${item.binding ?? item.resource?.text} ${item.operation}: ${item.because}`,
  );
}

const ORDERS: Grants['kv'] = { ORDERS: { store: 'orders', can: ['get', 'delete'], prefix: 'o/' } };

test('an operation that is granted and never used is named', () => {
  const { unused } = run([use('kv', 'ORDERS', 'get', 'o/1')], { kv: ORDERS });
  assert.deepEqual(
    unused.map(({ summary, certain }) => [summary, certain]),
    [['kv ORDERS: delete granted, never used', true]],
  );
});

test('what was observed counts as used, although nothing in the code shows it', () => {
  const observed = [
    { capability: 'kv', binding: 'ORDERS', operation: 'delete', resource: 'o/1', count: 4 },
  ] as const;
  const { unused, used } = compare([use('kv', 'ORDERS', 'get')], observed, { ...NO_GRANTS, kv: ORDERS });
  assert.deepEqual(unused, []);
  assert.deepEqual(
    used.map((item) => item.observed),
    [0, 4],
  );
});

test('an unknown about bindings leaves unused grants uncertain, and one about the network does not', () => {
  const certain = (reason: Unknown['reason'], detail = ''): boolean[] =>
    run([unknown(reason, detail)], { kv: ORDERS }).unused.map((item) => item.certain);
  assert.deepEqual(certain('binding-computed'), [false, false]);
  assert.deepEqual(certain('code-generated'), [false, false]);
  assert.deepEqual(certain('operation-computed', 'ORDERS'), [false, false]);
  assert.deepEqual(certain('operation-computed', 'OTHER'), [true, true]);
  assert.deepEqual(certain('url-unknown'), [true, true]);
});

test('missing grants say what is missing of them', () => {
  assert.deepEqual(missing([use('kv', 'OTHER', 'get')], { kv: ORDERS }), ['OTHER get: no-grant']);
  assert.deepEqual(missing([use('kv', 'ORDERS', 'put', 'o/1')], { kv: ORDERS }), ['ORDERS put: operation']);
  assert.deepEqual(missing([use('kv', 'ORDERS', 'get', 'x/1')], { kv: ORDERS }), ['ORDERS get: prefix']);
  assert.deepEqual(missing([use('kv', 'ORDERS', 'get', 'o/1')], { kv: ORDERS }), []);
  assert.deepEqual(missing([use('kv', 'ORDERS', 'get', 'o…')], { kv: ORDERS }), []);
  assert.deepEqual(missing([use('secret', 'KEY', 'read')], {}), ['KEY read: no-grant']);
});

test('each type of a pipe is granted, used and missing by itself', () => {
  const pipe: Grants['pipe'] = { NEXT: { types: ['order.created', 'order.paid'] } };
  const send = (type?: string): Use => use('pipe', 'NEXT', 'send', type);
  const unused = (...uses: readonly Use[]) => run(uses, { pipe }).unused.map(({ summary }) => summary);
  assert.deepEqual(unused(send('order.paid')), ['pipe NEXT: send order.created granted, never used']);
  assert.deepEqual(unused(send('order.…')), []);
  assert.deepEqual(unused(send()), []);
  assert.equal(unused(use('queue', 'NEXT', 'send')).length, 2);
  assert.deepEqual(missing([send('order.paid'), send('order.…'), send()], { pipe }), []);
  assert.deepEqual(missing([send('order.lost'), send('cart.…')], { pipe }), [
    'NEXT send: operation',
    'NEXT send: operation',
  ]);
  assert.deepEqual(missing([send('order.paid')], {}), ['NEXT send: no-grant']);
  const observed = [
    { capability: 'pipe', binding: 'NEXT', operation: 'send', resource: 'order.created', count: 3 },
  ] as const;
  const { unused: left } = compare([send('order.paid')], observed, { ...NO_GRANTS, pipe });
  assert.deepEqual(left, []);
});

test('a fetch is covered by scheme, host, path and method, and by no less', () => {
  const grants = { fetch: [{ to: 'https://api.example.com/v1/*', methods: ['POST' as const] }] };
  const check = (operation: string, url: string): string[] =>
    missing([use('fetch', null, operation, url)], grants);
  assert.deepEqual(check('POST', 'https://api.example.com/v1/x'), []);
  assert.deepEqual(check('POST', 'https://api.example.com:443/v1/x?y=1'), []);
  assert.deepEqual(check('POST', 'https://api.example.com/…'), []);
  assert.deepEqual(check('GET', 'https://api.example.com/v1/x'), [
    'https://api.example.com/v1/x GET: operation',
  ]);
  for (const url of [
    'http://api.example.com/v1/x',
    'https://api.example.com.evil.test/v1/x',
    'https://api.example.com:8443/v1/x',
    'https://api.example.com/v2/x',
  ])
    assert.deepEqual(check('POST', url), [`${url} POST: address`]);
});

test('the default of GET and HEAD is used by either, and methods that are named each by themselves', () => {
  const to = 'https://api.example.com/*';
  const unused = (operation: string, methods?: Grants['fetch'][number]['methods']): string[] =>
    run([use('fetch', null, operation, 'https://api.example.com/x')], {
      fetch: [{ to, methods }],
    }).unused.map((item) => item.operation);
  assert.deepEqual(unused('GET'), []);
  assert.deepEqual(unused('HEAD'), []);
  assert.deepEqual(unused('POST'), ['GET']);
  assert.deepEqual(unused('HEAD', ['GET', 'HEAD']), ['GET']);
  assert.deepEqual(unused('GET', ['GET', 'HEAD']), ['HEAD']);
});

test('a grant covers a URL however its host and port are spelled, and no other', () => {
  const check = (to: string, url: string): string[] =>
    missing([use('fetch', null, 'GET', url)], { fetch: [{ to }] });
  assert.deepEqual(check('https://B\u00dccher.example/*', 'https://xn--bcher-kva.example/a'), []);
  assert.deepEqual(check('https://api.example.com:443/a', 'https://API.example.com/a?b'), []);
  assert.deepEqual(check('https://api.example.com', 'wss://api.example.com/socket'), []);
  assert.deepEqual(check('https://*.example.com', 'https://a.example.com/'), []);
  for (const url of [
    'https://example.com/',
    'https://a.b.example.com/',
    'https://aexample.com/',
    'https://a.example.com:444/',
  ])
    assert.deepEqual(check('https://*.example.com', url), [`${url} GET: address`]);
});

test('a label before a domain is no wildcard, and one before a name without a dot is', () => {
  const to = (...patterns: string[]): string[] =>
    run([], { fetch: patterns.map((pattern) => ({ to: pattern })) }).wildcard.map((item) => item.to);
  assert.deepEqual(to('https://*.example.com/*', 'https://api.example.com/*'), []);
  const open = ['https://*.com/', 'http://*.local:8080/a/*'];
  assert.deepEqual(to(...open), open);
});
