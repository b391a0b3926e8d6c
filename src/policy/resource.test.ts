import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import type { ResourceSpec } from '../manifest/index.ts';
import { resolveResource } from './index.ts';
import { fillPlaceholders } from './placeholders.ts';

const SPEC: ResourceSpec = {
  type: 'Order',
  id: '{params.id}',
  attributes: { owner: 'string' },
  from: { kv: 'orders', key: 'order/{params.id}' },
};

test('attributes are read from the store and key that the manifest names', async () => {
  const asked: unknown[] = [];
  const lookup = (store: string, key: string): unknown => {
    asked.push([store, key]);
    return { owner: 'ana' };
  };
  const found = { ok: true, attributes: { owner: 'ana' } };
  assert.deepEqual(resolveResource(SPEC, { id: '17' }, lookup), found);
  assert.deepEqual(await resolveResource(SPEC, { id: '18' }, async (...args) => lookup(...args)), found);
  assert.deepEqual(asked, [
    ['orders', 'order/17'],
    ['orders', 'order/18'],
  ]);
});

test('nothing to look up and nothing stored are null', async () => {
  const nothing = { ok: true, attributes: null };
  const never = (): unknown => assert.fail('nothing is to be looked up');
  assert.deepEqual(resolveResource(null, {}, never), nothing);
  assert.deepEqual(resolveResource({ ...SPEC, from: null }, { id: '17' }, never), nothing);
  for (const absent of [null, undefined]) {
    assert.deepEqual(
      resolveResource(SPEC, { id: '17' }, () => absent),
      nothing,
    );
    assert.deepEqual(await resolveResource(SPEC, { id: '17' }, async () => absent), nothing);
  }
});

test('a lookup that fails, and a value that is no object, are failures', async () => {
  const broken = () => {
    throw new Error('no disk');
  };
  const failed = { ok: false, reason: 'the lookup failed: no disk' };
  assert.deepEqual(resolveResource(SPEC, { id: '17' }, broken), failed);
  assert.deepEqual(await resolveResource(SPEC, { id: '17' }, async () => broken()), failed);
  for (const value of ['ana', 7, true, [{ owner: 'ana' }]]) {
    const reason = 'what is stored for the Order is not a JSON object';
    assert.deepEqual(
      resolveResource(SPEC, { id: '17' }, () => value),
      { ok: false, reason },
    );
  }
});

test('a key is never made of what could lead to another', () => {
  const never = (): unknown => assert.fail('nothing is to be looked up');
  for (const id of ['', 'a/b', '../x', 'a\0', '\ud800', 'x'.repeat(LIMITS.kvKeyBytesMax.value - 5)])
    assert.equal((resolveResource(SPEC, { id }, never) as { ok: boolean }).ok, false, id.slice(0, 20));
  assert.equal((resolveResource(SPEC, {}, never) as { ok: boolean }).ok, false);
  const longest = 'x'.repeat(LIMITS.kvKeyBytesMax.value - 6);
  assert.deepEqual(
    resolveResource(SPEC, { id: longest }, (_store, key) => ({ key })),
    {
      ok: true,
      attributes: { key: `order/${longest}` },
    },
  );
  assert.deepEqual(fillPlaceholders('{params.a}:{params.b}', { a: 'x', b: 'y:z' }, 100), {
    ok: true,
    text: 'x:y:z',
  });
  assert.equal(fillPlaceholders('{params.a}:{params.b}', { a: 'x:y', b: 'z' }, 100).ok, false);
  assert.equal(fillPlaceholders('{params.a}{params.b}', { a: 'x', b: 'y' }, 100).ok, false);
});

test('two sets of parameters never fill a template to the same text', () => {
  const value = fc.string({ unit: fc.constantFrom('a', ':', '-', '{', '}', 'params.a'), maxLength: 4 });
  const separator = fc.constantFrom('', '/', ':', '::', '-:', 'a');
  const pair = fc.record({ a: value, b: value, c: value });
  fc.assert(
    fc.property(pair, pair, separator, separator, (one, other, first, second) => {
      const template = `x{params.a}${first}{params.b}${second}{params.c}y`;
      const filled = [one, other].map((params) => fillPlaceholders(template, params, 1000));
      const [left, right] = filled;
      if (left?.ok !== true || right?.ok !== true || left.text !== right.text) return;
      assert.deepEqual(one, other);
    }),
    { numRuns: 2000 },
  );
});
