import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { errorOf, usePlatform } from './platform.ts';

const platform = usePlatform(['shop', 'hono-zod', 'page', 'wasm-hash']);

function post(path: string, body: string, contentType = 'application/json'): Promise<Response> {
  return platform().fetch(path, { method: 'POST', body, headers: { 'content-type': contentType } });
}

test('shop lists its products and shows one', async () => {
  const list = await platform().fetch('/shop/products');
  assert.equal(list.status, 200);
  assert.match(list.headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(await list.json(), [
    { id: 'teapot', name: 'Teapot', price: 3200 },
    { id: 'cup', name: 'Cup', price: 900 },
    { id: 'kettle', name: 'Kettle', price: 5400 },
  ]);
  const one = await platform().fetch('/shop/products/cup');
  assert.deepEqual(await one.json(), { id: 'cup', name: 'Cup', price: 900 });
});

test('shop answers with its own 404 for a product that it does not have', async () => {
  const response = await platform().fetch('/shop/products/spoon');
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), { error: 'no such product' });
});

test('shop adds up a cart in the currency of its manifest', async () => {
  const response = await post('/shop/cart', '[{"id":"cup","quantity":2},{"id":"teapot","quantity":1}]');
  assert.deepEqual(await response.json(), { total: 5000, currency: 'EUR' });
});

test('shop refuses a cart that is none', async () => {
  for (const body of ['', '{}', '[{"id":"cup"}]', '[{"id":"cup","quantity":-1}]']) {
    const response = await post('/shop/cart', body);
    assert.equal(response.status, 400, body);
  }
});

test('a path without a route and a method that a route does not have are answered by the platform', async () => {
  const unknown = await platform().fetch('/shop/staff');
  assert.equal(unknown.status, 404);
  assert.equal((await errorOf(unknown)).code, 'CORDON_ROUTE_UNKNOWN');
  const method = await platform().fetch('/shop/products', { method: 'DELETE' });
  assert.equal(method.status, 405);
  assert.equal((await errorOf(method)).code, 'CORDON_METHOD_REFUSED');
  assert.match(method.headers.get('allow') ?? '', /GET/);
});

test('an answer carries the id that finds the log lines, the instance among them', async () => {
  const response = await platform().fetch('/shop/products/kettle');
  await response.text();
  const request = response.headers.get('x-request-id');
  assert.match(request ?? '', /^req_/);
  const ofRequest = (
    await platform().logs('shop', (line) => line.request === request && line.source === 'function')
  ).filter((line) => line.request === request);
  const said = ofRequest.find(({ source }) => source === 'function');
  assert.equal(said?.message, 'product kettle');
  assert.equal(said?.function, 'products');
  assert.match(said?.instance ?? '', /./);
});

test('a Hono app validates its query and its body with zod', async () => {
  assert.deepEqual(await (await platform().fetch('/notes?limit=5')).json(), { limit: 5 });
  assert.equal((await platform().fetch('/notes?limit=0')).status, 400);
  const created = await post('/notes', '{"title":"Milk","tags":["home"]}');
  assert.equal(created.status, 201);
  assert.deepEqual(await created.json(), { title: 'Milk', tags: ['home'] });
  assert.equal((await post('/notes', '{"title":"","tags":[]}')).status, 400);
  assert.equal((await post('/notes', '{"title":"Milk","owner":"me"}')).status, 400);
  assert.deepEqual(await (await platform().fetch('/notes/a%20b')).json(), { id: 'a b' });
});

test('a page is rendered on the server and escapes what a caller sends', async () => {
  const response = await platform().fetch('/page?name=%3Cscript%3E');
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
  const html = await response.text();
  assert.match(html, /<h1>Guest book<\/h1>/);
  assert.match(html, /Hello, &lt;script&gt;\./);
});

test('HEAD of a page has the headers of GET and no body', async () => {
  const response = await platform().fetch('/page', { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), '');
});

test('WebAssembly runs from an npm package and from a file', async () => {
  const hash = await post('/hash/crc32', 'hello', 'text/plain');
  assert.equal(await hash.text(), '3610a686');
  assert.equal((await post('/hash/md6', 'hello', 'text/plain')).status, 404);
  assert.equal(await platform().text('/hash/add/2/40'), '42');
});

test('bytes of a body arrive in the function as they were sent', async () => {
  const body = new Uint8Array(300_000).map((_, index) => (index * 7 + (index >> 8)) & 255);
  const response = await platform().fetch('/hash/blake3', { method: 'POST', body });
  const again = await platform().fetch('/hash/blake3', { method: 'POST', body: new Blob([body]) });
  const text = await response.text();
  assert.match(text, /^[0-9a-f]{64}$/);
  assert.equal(await again.text(), text);
  assert.notEqual(text, createHash('sha256').update(body).digest('hex'));
});

test('the same source deployed again is the same deployment', async () => {
  const first = await platform().deployExample('shop');
  assert.equal(await platform().deployExample('shop'), first);
});
