import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable } from './capabilities.fixture.ts';
import { callIn } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

let stores = 0;

/** Runs code with a store of its own, and gives what it returns, as JSON. */
async function run(
  code: string,
  grant: { can?: ('get' | 'put' | 'delete' | 'list')[]; prefix?: string; memoryBytes?: number } = {},
): Promise<unknown> {
  const store = `store-${stores++}`;
  const {
    can = ['get', 'put', 'delete', 'list'],
    prefix,
    memoryBytes = LIMITS.functionMemoryBytesDefault.value,
  } = grant;
  const kv = { ORDERS: { store, can, ...(prefix === undefined ? {} : { prefix }) } };
  const target = deployCode({
    f: { code: `const kv = env.ORDERS; ${TRY} ${code}`, grants: { kv }, limits: { memoryBytes } },
  }).of('f');
  const answer = await callIn(capable.pool, target, '/', { id: `req_${store}` });
  if (answer.error !== null) throw answer.error;
  return JSON.parse(answer.body);
}

const TRY = `const attempt = async (work) => { try { return await work(); } catch (e) { return e.code ?? e.name; } };`;

test('kv gives back what was put, in every type', async () => {
  const found = await run(`
    await kv.put('a', 'héllo');
    await kv.put('b', new Uint8Array([1, 2, 3]), { metadata: { kind: 'bytes' } });
    await kv.put('c', JSON.stringify({ n: 1 }));
    await kv.put('d', new Response('streamed').body);
    return Response.json([
      await kv.get('a'), [...new Uint8Array(await kv.get('b', 'arrayBuffer'))], await kv.get('c', { type: 'json' }),
      await new Response(await kv.get('d', 'stream')).text(), await kv.get('none'),
      await kv.getWithMetadata('b', 'text').then(({ metadata }) => metadata),
      [...await kv.get(['a', 'none'])],
    ]);`);
  assert.deepEqual(found, [
    'héllo',
    [1, 2, 3],
    { n: 1 },
    'streamed',
    null,
    { kind: 'bytes' },
    [
      ['a', 'héllo'],
      ['none', null],
    ],
  ]);
});

test('kv shows a write to the next read, and a deleted key to none', async () => {
  const found = await run(`
    const seen = [await kv.get('k')];
    await kv.put('k', '1'); seen.push(await kv.get('k'));
    await kv.put('k', '2'); seen.push(await kv.get('k'));
    await kv.delete('k'); seen.push(await kv.get('k'));
    return Response.json(seen);`);
  assert.deepEqual(found, [null, '1', '2', null]);
});

test('kv keeps a value at its limit and refuses one byte more, leaving nothing', async () => {
  const found = await run(
    `
    const max = 25 * 1024 * 1024;
    await kv.put('large', new Uint8Array(max).fill(7));
    const back = new Uint8Array(await kv.get('large', 'arrayBuffer'));
    const refused = await attempt(() => kv.put('larger', new Uint8Array(max + 1)));
    return Response.json([back.length, back.every((b) => b === 7), refused, await kv.get('larger'), (await kv.list()).keys.length]);`,
    { memoryBytes: 256 * 1024 * 1024 },
  );
  assert.deepEqual(found, [25 * 1024 * 1024, true, 'CORDON_KV_VALUE_TOO_LARGE', null, 1]);
});

test('kv takes a key and metadata at their limits and refuses one byte more', async () => {
  const found = await run(`
    await kv.put('k'.repeat(512), 'x', { metadata: 'm'.repeat(1022) });
    return Response.json([
      await kv.get('k'.repeat(512)),
      await attempt(() => kv.put('k'.repeat(513), 'x')), await attempt(() => kv.put('é'.repeat(257), 'x')),
      await attempt(() => kv.put('k', 'x', { metadata: 'm'.repeat(1023) })),
      await attempt(() => kv.put('', 'x')), await attempt(() => kv.put('..', 'x')), await attempt(() => kv.put('a\\ud800', 'x')), await attempt(() => kv.get('a\\0')),
    ]);`);
  assert.deepEqual(found, [
    'x',
    'CORDON_KV_KEY_INVALID',
    'CORDON_KV_KEY_INVALID',
    'CORDON_KV_METADATA_TOO_LARGE',
    'CORDON_KV_KEY_INVALID',
    'CORDON_KV_KEY_INVALID',
    'CORDON_KV_KEY_INVALID',
    'CORDON_KV_KEY_INVALID',
  ]);
});

test('kv lists by prefix in pages, in the order of code points, with expiration and metadata', async () => {
  const found = await run(`
    for (const key of ['b/2', 'a', 'b/1', 'b/\\u{1F600}', 'b/\\uFFFD', 'c']) await kv.put(key, 'x', { metadata: { key } });
    await kv.put('b/0', 'x', { expirationTtl: 3600 });
    const pages = [];
    let cursor;
    do {
      const page = await kv.list({ prefix: 'b/', limit: 2, cursor });
      pages.push(page.keys.map(({ name }) => name));
      cursor = page.list_complete ? undefined : page.cursor;
    } while (cursor);
    const { keys } = await kv.list({ prefix: 'b/', limit: 2 });
    return Response.json([pages, keys[0].expiration > Date.now() / 1000, keys[1].metadata, await attempt(() => kv.list({ cursor: '!' })),
      await attempt(() => kv.list({ limit: 1001 }))]);`);
  assert.deepEqual(found, [
    [['b/0', 'b/1'], ['b/2', 'b/\uFFFD'], ['b/\u{1F600}']],
    true,
    { key: 'b/1' },
    'CORDON_CURSOR_INVALID',
    'CORDON_CALL_INVALID',
  ]);
});

test('a key of kv that has expired is invisible at once and then swept', async () => {
  const found = await run(`
    await kv.put('short', 'x', { expirationTtl: 1 });
    await kv.put('long', 'x', { expirationTtl: 60 });
    const before = await kv.get('short');
    await new Promise((resolve) => setTimeout(resolve, 1050));
    return Response.json([before, await kv.get('short'), (await kv.list()).keys.map(({ name }) => name),
      await attempt(() => kv.put('k', 'x', { expirationTtl: 0 })), await attempt(() => kv.put('k', 'x', { expiration: 1000 }))]);`);
  assert.deepEqual(found, [
    'x',
    null,
    ['long'],
    'CORDON_KV_EXPIRATION_INVALID',
    'CORDON_KV_EXPIRATION_INVALID',
  ]);
  assert.equal(await capable.storage.sweep(), 1);
  assert.equal(await capable.storage.sweep(), 0);
});

test('what kv stores is nowhere on the disk in the clear', async () => {
  await run(
    `await kv.put('k', 'a-very-plain-value', { metadata: 'plain-metadata' }); return Response.json(0);`,
  );
  const rows = await capable.store.query({ sql: 'select * from kv', parameters: [] });
  const text = Buffer.concat(
    rows.flatMap((row) =>
      Object.values(row).map((value) => Buffer.from(value instanceof Uint8Array ? value : String(value))),
    ),
  ).toString('latin1');
  assert.ok(!text.includes('plain'));
});

test('a call without its grant says which line of the manifest would allow it, and is recorded', async () => {
  const found = await run(
    `try { await kv.put('k', 'x'); } catch (e) { return Response.json([e.code, e.message]); }`,
    { can: ['get'], prefix: 'a/' },
  );
  const store = `store-${stores - 1}`;
  const [code, message] = found as [string, string];
  assert.equal(code, 'CORDON_GRANT_MISSING');
  assert.ok(
    message.includes(`functions.f.grants.kv.ORDERS: {"store":"${store}","can":["get","put"]`),
    message,
  );
  const event = capable.evidence.recorded.find(({ request }) => request === `req_${store}`);
  assert.equal(event?.kind, 'grant.denied');
  assert.deepEqual(event?.detail, {
    capability: 'kv',
    binding: 'ORDERS',
    operation: 'put',
    resource: `kv:${store}`,
  });
});

test('a grant with a prefix covers its keys and no other, also of a list', async () => {
  const found = await run(
    `
    await kv.put('a/1', 'x');
    return Response.json([await kv.get('a/1'), await attempt(() => kv.get('b/1')), await attempt(() => kv.put('b', 'x')), await attempt(() => kv.delete('b')),
      (await kv.list({ prefix: 'a/' })).keys.length, await attempt(() => kv.list()), await attempt(() => kv.list({ prefix: 'b' })), await attempt(() => kv.list({ prefix: 'a/', cursor: btoa('b') }))]);`,
    { prefix: 'a/' },
  );
  const denied = 'CORDON_GRANT_MISSING';
  assert.deepEqual(found, ['x', denied, denied, denied, 1, denied, denied, 'CORDON_CURSOR_INVALID']);
});

test('many functions of one app share a store, and those of another name have none', async () => {
  const grants = { kv: { ORDERS: { store: 'shared', can: ['get', 'put'] as ('get' | 'put')[] } } };
  const app = deployCode({
    one: { code: `await env.ORDERS.put('k', 'from one'); return new Response();`, grants },
    two: { code: `return new Response(await env.ORDERS.get('k'));`, grants },
    none: { code: `return new Response(typeof env.ORDERS);` },
  });
  await callIn(capable.pool, app.of('one'), '/');
  assert.equal((await callIn(capable.pool, app.of('two'), '/')).body, 'from one');
  assert.equal((await callIn(capable.pool, app.of('none'), '/')).body, 'undefined');
});
