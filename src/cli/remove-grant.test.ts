import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, type ParseError } from 'jsonc-parser';
import { removeGrant } from './remove-grant.ts';

function manifestOf(grants: string): string {
  return `{ "name": "shop", "functions": { "main": { "entry": "a.ts", "grants": ${grants} } } }`;
}

const cases: readonly [
  title: string,
  before: string,
  path: (string | number)[],
  operation: string,
  after: string,
][] = [
  [
    'the first operation',
    '{"kv":{"A":{"can":["get","put"]}}}',
    ['kv', 'A'],
    'get',
    '{"kv":{"A":{"can":["put"]}}}',
  ],
  [
    'the last operation of several',
    '{"kv":{"A":{"can":["get", "put"]}}}',
    ['kv', 'A'],
    'put',
    '{"kv":{"A":{"can":["get"]}}}',
  ],
  [
    'an operation before a comma at the end',
    '{"kv":{"A":{"can":["get","put",]}}}',
    ['kv', 'A'],
    'put',
    '{"kv":{"A":{"can":["get",]}}}',
  ],
  [
    'the only operation, with its grant',
    '{"kv":{"A":{"can":["get"]},"B":{"can":["get"]}}}',
    ['kv', 'A'],
    'get',
    '{"kv":{"B":{"can":["get"]}}}',
  ],
  ['the only grant', '{"kv":{"A":{"can":["get"],},}}', ['kv', 'A'], 'get', '{"kv":{}}'],
  [
    'a secret',
    '{"secret":{"A":{"secret":"S"}/* a */,"B":{"secret":"S"}}}',
    ['secret', 'B'],
    'read',
    '{"secret":{"A":{"secret":"S"}}}',
  ],
  [
    'a destination among others',
    '{"fetch":[{"to":"a"},{"to":"b"},{"to":"c"}]}',
    ['fetch', 1],
    'GET',
    '{"fetch":[{"to":"a"},{"to":"c"}]}',
  ],
  [
    'a method of a destination',
    '{"fetch":[{"to":"a","methods":["GET","POST"]}]}',
    ['fetch', 0],
    'GET',
    '{"fetch":[{"to":"a","methods":["POST"]}]}',
  ],
];

for (const [title, before, path, operation, after] of cases) {
  test(`removes ${title}`, () => {
    const text = removeGrant(manifestOf(before), 'main', { path, operation });
    assert.equal(text, manifestOf(after));
    const errors: ParseError[] = [];
    parse(text, errors, { allowTrailingComma: true });
    assert.deepEqual(errors, []);
  });
}

test('removes a type of a pipe by its name, and the grant with its last', () => {
  const text = manifestOf('{"pipe":{"A":{"types":["a.b","a.c"]}}}');
  const use = { path: ['pipe', 'A'], operation: 'send' };
  const less = removeGrant(text, 'main', { ...use, resource: 'a.b' });
  assert.equal(less, manifestOf('{"pipe":{"A":{"types":["a.c"]}}}'));
  assert.equal(removeGrant(less, 'main', { ...use, resource: 'a.c' }), manifestOf('{"pipe":{}}'));
});

test('leaves what is not there as it is', () => {
  const text = manifestOf('{"kv":{"A":{"can":["get"]}}}');
  assert.equal(removeGrant(text, 'main', { path: ['kv', 'B'], operation: 'get' }), text);
  assert.equal(removeGrant(text, 'other', { path: ['kv', 'A'], operation: 'get' }), text);
});
