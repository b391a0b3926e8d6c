import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { openGuest } from './guest.fixture.ts';
import type { Guest } from './guest.fixture.ts';

const CODE = `
import axios from 'axios';
import nodeFetch from 'node-fetch';
import http from 'node:http';

const cases = {
  async get(url, env) {
    const response = await fetch(url + '/json?q=1', { headers: { 'x-mine': 'yes' } });
    return { status: response.status, url: response.url, ok: response.ok, type: response.headers.get('content-type'), body: await response.json() };
  },
  async post(url) { return (await fetch(url + '/echo', { method: 'POST', body: 'text' })).text(); },
  async form(url) {
    const form = new FormData(); form.set('a', 'b');
    return (await fetch(url + '/echo', { method: 'POST', body: form })).text();
  },
  async request(url) { return (await fetch(new Request(url + '/echo', { method: 'POST', body: 'from a request' }))).text(); },
  async stream(url) {
    let sent = 0;
    const body = new ReadableStream({ pull(c) { if (sent >= 2_000_000) return c.close(); sent += 50_000; c.enqueue(new Uint8Array(50_000).fill(97)); } });
    const response = await fetch(url + '/echo', { method: 'POST', body });
    let bytes = 0;
    for await (const chunk of response.body) bytes += chunk.byteLength;
    return bytes;
  },
  async redirect(url) { const r = await fetch(url + '/redirect'); return [r.redirected, r.url.endsWith('/json'), r.status]; },
  async manual(url) { const r = await fetch(url + '/redirect', { redirect: 'manual' }); return [r.status, r.headers.get('location')]; },
  async error(url) { try { await fetch(url + '/redirect', { redirect: 'error' }); } catch (e) { return [e instanceof TypeError, e.code]; } },
  async ungranted() { try { await fetch('http://example.com/'); } catch (e) { return [e instanceof TypeError, e.code]; } },
  async invalid(url) {
    const failures = [];
    for (const target of ['/relative', 'http://', url.replace('//', '//user:pass@') + '/json', 'ftp://example.com/'])
      try { failures.push((await fetch(target)).status); } catch (e) { failures.push(e instanceof TypeError); }
    return [failures, (await fetch(new URL(url + '/json#part'))).status];
  },
  async abort(url) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 50);
    try { await fetch(url + '/hang', { signal: controller.signal }); } catch (e) { return e.message; }
  },
  async gzip(url) { const r = await fetch(url + '/gzip'); return [r.headers.get('content-encoding'), await r.text()]; },
  async data() { return (await fetch('data:text/plain,hello')).text(); },
  async node(url) {
    return new Promise((resolve, reject) => {
      const request = http.request(url + '/echo', { method: 'POST', headers: { 'X-Case': 'kept' } }, (response) => {
        let text = ''; response.setEncoding('utf8');
        response.on('data', (d) => (text += d)); response.on('end', () => resolve([response.statusCode, text, response.headers['x-echo'], response.complete]));
      });
      request.on('error', reject);
      request.write('one '); request.end('two');
    });
  },
  async nodeGet(url) { return new Promise((resolve, reject) => http.get(url + '/json', (r) => { r.resume(); r.on('end', () => resolve(r.statusCode)); }).on('error', reject)); },
  async nodeUngranted() { return new Promise((resolve) => http.get('http://example.com/', resolve).on('error', (e) => resolve(e.code))); },
  async nodeTimeout(url) { return new Promise((resolve) => { const r = http.get(url + '/hang', { timeout: 50 }); r.on('timeout', () => r.destroy()); r.on('error', (e) => resolve(e.code)); }); },
  async axios(url) { const { data, status } = await axios.post(url + '/echo', { a: 1 }); return [status, data]; },
  async axiosRedirect(url) { const { data } = await axios.get(url + '/redirect'); return data; },
  async nodeFetch(url) { const r = await nodeFetch(url + '/echo', { method: 'POST', body: 'nf' }); return [r.status, await r.text()]; },
  async nodeFetchGzip(url) { return (await nodeFetch(url + '/gzip')).text(); },
};
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    try { return Response.json((await cases[pathname.slice(1)](searchParams.get('url'), env)) ?? null); }
    catch (e) { return new Response(e.stack + ' ' + e.code, { status: 500 }); }
  },
};`;

describe('HTTP clients in a sandbox', () => {
  let server: Server;
  let guest: Guest;
  let url: string;

  before(async () => {
    server = await serve();
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    guest = await openGuest({
      code: CODE,
      grants: { fetch: [{ to: `${url}/*`, methods: ['GET', 'POST'], unsafePrivate: true }] },
    });
  });
  after(async () => {
    await guest.close();
    server.closeAllConnections();
    server.close();
  });

  const expectations: Readonly<Record<string, (answer: unknown) => void>> = {
    get: (answer) =>
      assert.deepEqual(answer, {
        status: 200,
        url: `${url}/json?q=1`,
        ok: true,
        type: 'application/json',
        body: { path: '/json?q=1', mine: 'yes' },
      }),
    post: (answer) => assert.equal(answer, 'text'),
    form: (answer) => assert.match(String(answer), /name="a"/),
    request: (answer) => assert.equal(answer, 'from a request'),
    stream: (answer) => assert.equal(answer, 2_000_000),
    redirect: (answer) => assert.deepEqual(answer, [true, true, 200]),
    manual: (answer) => assert.deepEqual(answer, [302, '/json']),
    error: (answer) => assert.deepEqual(answer, [true, 'CORDON_EGRESS_FAILED']),
    ungranted: (answer) => assert.deepEqual(answer, [true, 'CORDON_GRANT_MISSING']),
    invalid: (answer) => assert.deepEqual(answer, [[true, true, true, true], 200]),
    abort: (answer) => assert.equal(answer, 'enough'),
    gzip: (answer) => assert.deepEqual(answer, [null, 'packed']),
    data: (answer) => assert.equal(answer, 'hello'),
    node: (answer) => assert.deepEqual(answer, [200, 'one two', 'yes', true]),
    nodeGet: (answer) => assert.equal(answer, 200),
    nodeUngranted: (answer) => assert.equal(answer, 'CORDON_GRANT_MISSING'),
    nodeTimeout: (answer) => assert.equal(answer, 'ECONNRESET'),
    axios: (answer) => assert.deepEqual(answer, [200, { a: 1 }]),
    axiosRedirect: (answer) => assert.deepEqual(answer, { path: '/json' }),
    nodeFetch: (answer) => assert.deepEqual(answer, [200, 'nf']),
    nodeFetchGzip: (answer) => assert.equal(answer, 'packed'),
  };
  for (const [name, check] of Object.entries(expectations)) {
    it(`serves the case ${name}`, async () => {
      const answer = await guest.ask(`/${name}?url=${encodeURIComponent(url)}`);
      assert.equal(answer.status, 200, answer.text);
      check(JSON.parse(answer.text));
    });
  }
});

async function serve(): Promise<Server> {
  const { gzipSync } = await import('node:zlib');
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/json')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ path, mine: request.headers['x-mine'] }));
    } else if (path === '/echo') {
      response.setHeader('x-echo', 'yes');
      response.setHeader('content-type', request.headers['content-type'] ?? 'text/plain');
      request.pipe(response);
    } else if (path === '/redirect') response.writeHead(302, { location: '/json' }).end('moved');
    else if (path === '/gzip')
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
