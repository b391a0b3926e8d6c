import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { appOf, manifestOf, routeOf } from '../gateway.fixture.ts';
import { Refusal } from '../stages/refusal.ts';
import { compileRoutes } from './router.ts';
import { parseTarget } from './target.ts';
import type { Target } from './target.ts';

const URL_BYTES_MAX = 100;

function parse(target: string, host = 'shop.example', method = 'GET'): Target | Refusal {
  return parseTarget({ method, target, host, scheme: 'http', urlBytesMax: URL_BYTES_MAX });
}

function parsed(target: string, host?: string): Target {
  const result = parse(target, host);
  assert.ok(
    !(result instanceof Refusal),
    `${target} is refused: ${result instanceof Refusal ? result.reason : ''}`,
  );
  return result;
}

function codeOf(result: Target | Refusal): string {
  return result instanceof Refusal ? result.code : 'parsed';
}

test('a target is parsed into its canonical parts', () => {
  const target = parsed('/a/%7Eb/%c3%a9?q=1&r=%0d', 'Shop.Example:8080');
  assert.equal(target.path, '/a/~b/%C3%A9');
  assert.deepEqual(target.segments, ['a', '~b', 'é']);
  assert.equal(target.query, 'q=1&r=%0d');
  assert.equal(target.search, '?q=1&r=%0d');
  assert.equal(target.host, 'shop.example');
  assert.equal(target.authority, 'shop.example:8080');
});

test('the root is one empty segment, and a trailing slash is kept', () => {
  assert.deepEqual(parsed('/').segments, ['']);
  assert.deepEqual(parsed('/a/').segments, ['a', '']);
  assert.equal(parsed('/?').search, '');
});

for (const [accepted, ...refused] of [
  ['/a/b', '/a%2fb', '/a%2Fb', '/a%5cb', '/a\\b', '/a%00b', '/a%0ab', '/a%7fb', '/a;b', '/a%3bb', '/a%3Bb'],
  ['/a/b/', '//', '//a', '/a//b', '/a//'],
  [
    '/.a/..b/c.',
    '/.',
    '/..',
    '/a/./b',
    '/a/../b',
    '/a/..',
    '/a/.',
    '/%2e',
    '/%2e%2e/b',
    '/a/.%2E',
    '/a/%2E./b',
  ],
  ['/100%25', '/100%', '/a%2', '/a%zz', '/a%u0041', '/%2541', '/%252e', '/%25%34%31', '/%252525'],
  [
    '/%C3%A9',
    '/%c0%ae',
    '/%ff',
    '/é',
    '/a b',
    '/a\tb',
    '/a"b',
    '/a<b',
    '/a[b',
    '/a^b',
    '/a|b',
    '/a{b',
    '/a\u007fb',
  ],
  ['/a?b#'.slice(0, 4), '/a?b#', '/a#b', '/a?b c', '/a?é', '/a?\u0001'],
  [
    'http://shop.example/a',
    'http://other.example/a',
    'https://shop.example/a',
    'ftp://shop.example/a',
    'a',
    '*',
    'shop.example:80',
    '',
  ],
  [
    'HTTP://SHOP.example:80/a',
    'http://shop.example:81/a',
    'http://u@shop.example/a',
    'http:/shop.example/a',
    'http:///a',
  ],
] as const) {
  test(`the target ${accepted} is accepted, and its ambiguous neighbours are refused`, () => {
    parsed(accepted);
    for (const target of refused)
      assert.equal(codeOf(parse(target)), 'CORDON_TARGET_REFUSED', JSON.stringify(target));
  });
}

test('a target of the longest length is accepted and one byte more is refused', () => {
  parsed(`/${'a'.repeat(URL_BYTES_MAX - 1)}`);
  assert.equal(codeOf(parse(`/${'a'.repeat(URL_BYTES_MAX)}`)), 'CORDON_URL_TOO_LONG');
});

test('hosts that have one reading are accepted', () => {
  for (const host of [
    'a',
    'my_service:8080',
    'a-b.example',
    '127.0.0.1:1',
    '[::1]',
    '[::1]:65535',
    '1.example',
    `${'a'.repeat(63)}.b`,
  ]) {
    parsed('/', host);
  }
  assert.equal(parsed('/', 'A.example:80').authority, 'a.example');
});

test('hosts that are malformed or have two readings are refused', () => {
  for (const host of [
    '',
    'a:',
    'a:0',
    'a:65536',
    'a:080',
    'a:b',
    'a b',
    'a,b',
    'a/b',
    'a@b',
    'a.',
    '.a',
    'a..b',
    '-a',
    'a-',
    'é',
    'a%41',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '127.0.0.01',
    '256.0.0.1',
    '[::1',
    '::1',
    '[::1%eth0]',
    '[1]',
    '[]',
    `${'a'.repeat(64)}`,
  ]) {
    assert.equal(codeOf(parse('/', host)), 'CORDON_HOST_REFUSED', JSON.stringify(host));
  }
});

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '/',
        '.',
        '..',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '%25',
        '%41',
        '%7e',
        '%c3%a9',
        '%00',
        ';',
        '\\',
        '?',
        '#',
        '%',
        '//',
        '\u00e9',
        ' ',
      ),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join('')}`);

test('parsing is idempotent: a canonical target parses to itself', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const first = parse(text);
      if (first instanceof Refusal) return;
      const second = parsed(first.path + first.search);
      assert.deepEqual(second, first);
    }),
    { numRuns: 2000 },
  );
});

test('a function that parses the URL again sees the path that was authorized', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const target = parse(text);
      if (target instanceof Refusal) return;
      const url = new URL(`http://${target.authority}${target.path}${target.search}`);
      assert.equal(url.pathname, target.path);
      assert.equal(url.host, target.authority);
      assert.deepEqual(url.pathname.slice(1).split('/').map(decodeURIComponent), target.segments);
      for (const segment of target.segments) {
        assert.ok(!/^\.\.?$/.test(segment));
        assert.ok(
          !Array.from(segment).some((character) => character < ' ' || '/\\;\u007f'.includes(character)),
        );
      }
    }),
    { numRuns: 2000 },
  );
});

test('no spelling of a private path reaches the public route beside it', () => {
  const table = compileRoutes([
    appOf(manifestOf('shop', { main: [routeOf('/*'), routeOf('/admin/*', 'control')] })),
  ]);
  const spelled = fc.array(fc.nat(2), { minLength: 12, maxLength: 12 }).map((choices) =>
    Array.from('/admin/users')
      .map((character, i) => {
        const hex = `%${character.charCodeAt(0).toString(16)}`;
        return choices[i] === 1 ? hex : choices[i] === 2 ? hex.toUpperCase() : character;
      })
      .join(''),
  );
  fc.assert(
    fc.property(spelled, (text) => {
      const target = parse(text);
      if (target instanceof Refusal) return;
      const found = table.match(target, 0);
      assert.equal(found.kind === 'match' ? found.auth : 'miss', 'control');
    }),
  );
});
