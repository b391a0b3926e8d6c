import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { NO_GRANTS, type Grants } from '../manifest/index.ts';
import { compare } from './compare.ts';
import type { Use } from './finding.ts';
import { writeGrants } from './write-grants.ts';

const MANIFEST = `{
    // The shop.
    "name": "shop",
    "functions": {
        "orders": {
            "entry": "src/orders.ts", // where it begins
            "grants": {
                "kv": { "ORDERS": { "store": "orders", "can": ["get"] } }, /* all of them */
            },
        },
    },
}
`;
const GRANTS: Grants = { ...NO_GRANTS, kv: { ORDERS: { store: 'orders', can: ['get'] } } };

function use(
  capability: Use['capability'],
  binding: string | null,
  operation: string,
  resource?: string,
): Use {
  const known = resource === undefined ? null : { text: resource, whole: true };
  return {
    kind: 'use',
    capability,
    binding,
    operation,
    resource: known,
    place: { file: 'a', line: 1, column: 1 },
  };
}

function write(...uses: readonly Use[]) {
  return writeGrants(MANIFEST, 'orders', compare(uses, [], GRANTS).missing);
}

test('an operation is added to its grant, and nothing else changes', () => {
  const { text, added } = write(use('kv', 'ORDERS', 'put', 'a'), use('kv', 'ORDERS', 'put', 'b'));
  assert.equal(text.replace(/\["get",\s*"put"\]/, '["get"]'), MANIFEST);
  assert.deepEqual(added, ['kv ORDERS: put']);
});

test('bindings, URLs and connections are added, with comments kept', () => {
  const { text, left } = write(
    use('queue', 'MAIL_OUT', 'send'),
    use('fetch', null, 'POST', 'https://api.example.com/v1/x?y=1'),
    use('fetch', null, 'GET', 'https://api.example.com/v1/x?y=1'),
    use('connect', null, 'connect', 'db.example.com:5432'),
  );
  assert.deepEqual(left, []);
  for (const comment of ['// The shop.', '// where it begins', '/* all of them */'])
    assert.ok(text.includes(comment));
  const plain = JSON.parse(text.replaceAll(/\/\/ .*|\/\*.*?\*\//g, '').replaceAll(/,(\s*[}\]])/g, '$1')) as {
    functions: { orders: { grants: Record<string, unknown> } };
  };
  const { grants } = plain.functions.orders;
  assert.deepEqual(grants['queue'], { MAIL_OUT: { queue: 'mail-out', can: ['send'] } });
  assert.deepEqual(grants['fetch'], [{ to: 'https://api.example.com/v1/x*', methods: ['POST', 'GET'] }]);
  assert.deepEqual(grants['connect'], [{ to: 'db.example.com:5432' }]);
});

test('types of a pipe are added to a grant, new or there already', () => {
  const send = (type: string): Use => use('pipe', 'NEXT', 'send', type);
  const grantsIn = (text: string): unknown =>
    (JSON.parse(text) as { functions: { orders: { grants: { pipe: unknown } } } }).functions.orders.grants
      .pipe;
  const manifest = (grants: object): string => JSON.stringify({ functions: { orders: { grants } } });
  const uses = [send('order.created'), send('order.paid')];
  const made = writeGrants(manifest({}), 'orders', compare(uses, [], NO_GRANTS).missing);
  assert.deepEqual(grantsIn(made.text), { NEXT: { types: ['order.created', 'order.paid'] } });
  const pipe = { NEXT: { types: ['order.created'] } };
  const more = writeGrants(manifest({ pipe }), 'orders', compare(uses, [], { ...NO_GRANTS, pipe }).missing);
  assert.deepEqual(grantsIn(more.text), { NEXT: { types: ['order.created', 'order.paid'] } });
  const begun = { ...send('order.'), resource: { text: 'order.', whole: false } };
  assert.equal(writeGrants(manifest({}), 'orders', compare([begun], [], NO_GRANTS).missing).left.length, 1);
});

test('what a person has to decide is left', () => {
  const { text, left } = write(
    use('binding', 'THING', 'get'),
    use('fetch', null, '*', 'https://a.example.com/'),
  );
  assert.equal(text, MANIFEST);
  assert.deepEqual(
    left.map(({ binding, operation }) => [binding, operation]),
    [
      ['THING', 'get'],
      [null, '*'],
    ],
  );
});

test('a manifest without the function, and text that is none, are refused', () => {
  const { missing } = compare([use('kv', 'ORDERS', 'put')], [], GRANTS);
  for (const [text, name] of [
    [MANIFEST, 'other'],
    ['{ "functions": ', 'orders'],
  ] as const)
    assert.throws(
      () => writeGrants(text, name, missing),
      (error) => error instanceof CordonError && error.code === 'CORDON_MANIFEST_INVALID',
    );
});
