import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable, FunctionOfCode } from './capabilities.fixture.ts';
import { callIn, sleep } from './pool.fixture.ts';
import type { CallOptions } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

const edge = (name: string) => ({ service: { NEXT: { function: name } } });

function call(functions: Readonly<Record<string, FunctionOfCode>>, options?: CallOptions) {
  return callIn(capable.pool, deployCode(functions).of('a'), '/', options);
}

test('a function calls another with method, headers and body, and gets its answer', async () => {
  const answer = await call({
    a: {
      grants: edge('b'),
      code: `const got = await env.NEXT.fetch('http://b/path?q=1', { method: 'POST', body: 'héllo', headers: { 'x-one': '1' } });
        return Response.json([got.status, got.headers.get('x-two'), got.headers.getSetCookie(), await got.json()]);`,
    },
    b: {
      code: `const headers = new Headers({ 'x-two': '2' }); headers.append('set-cookie', 'a=1'); headers.append('set-cookie', 'b=2');
        return new Response(JSON.stringify([request.method, request.url, request.headers.get('x-one'), await request.text()]), { status: 201, headers });`,
    },
  });
  assert.deepEqual(JSON.parse(answer.body), [
    201,
    '2',
    ['a=1', 'b=2'],
    ['POST', 'http://b/path?q=1', '1', 'héllo'],
  ]);
});

test('the request of an end user can be handed on as it is, also without a body in the answer', async () => {
  const answer = await call(
    {
      a: {
        grants: edge('b'),
        code: `const got = await env.NEXT.fetch(request); return Response.json([got.status, await got.text()]);`,
      },
      b: { code: `await request.text(); return new Response(null, { status: 204 });` },
    },
    { method: 'POST', body: Buffer.from('x') },
  );
  assert.deepEqual(JSON.parse(answer.body), [204, '']);
});

test('who calls and for whom is said by the platform, whatever code says', async () => {
  const answer = await call(
    {
      a: {
        grants: edge('b'),
        code: `return env.NEXT.fetch('http://b/', { headers: { 'x-cordon-caller': 'app/admin', 'X-Cordon-Hops': '-5', 'x-cordon-calls': '-5', 'x_cordon_subject': 'root', 'x-cordon-subject': 'root', 'transfer-encoding': 'chunked' } });`,
      },
      b: {
        code: `return Response.json([...request.headers].filter(([name]) => /cordon|transfer/.test(name)));`,
      },
    },
    { headers: ['x-cordon-subject', 'alice'] },
  );
  assert.deepEqual(JSON.parse(answer.body), [
    ['x-cordon-caller', 'app/a'],
    ['x-cordon-calls', '1'],
    ['x-cordon-hops', '1'],
    ['x-cordon-subject', 'alice'],
  ]);
});

test('functions that call each other in a circle are stopped', async () => {
  const answer = await call({
    a: {
      grants: edge('a'),
      code: `try { const got = await env.NEXT.fetch('http://a/'); return new Response(await got.text()); } catch (e) { return new Response(e.code + ' ' + request.headers.get('x-cordon-hops')); }`,
    },
  });
  assert.equal(answer.body, `CORDON_SERVICE_HOPS ${LIMITS.serviceHopsMax.value}`);
});

test('events behind a call leave room for it, up to the most hops that may be', async () => {
  const a = {
    grants: edge('b'),
    code: `try { return await env.NEXT.fetch('http://b/'); } catch (e) { return new Response(e.code); }`,
  };
  const b = { code: `return new Response(request.headers.get('x-cordon-hops'));` };
  const most = LIMITS.eventHopsMax.value;
  const after = async (hops: number) =>
    (await call({ a, b }, { headers: ['x-cordon-hops', String(hops)] })).body;
  assert.equal(await after(most - 1), String(most));
  assert.equal(await after(most), 'CORDON_EVENT_HOPS');
});

test('only along an edge of the manifest, and only within the deployment', async () => {
  const attempt = `try { await env.NEXT.fetch('http://b/'); return new Response('?'); } catch (e) { return new Response(e.code ?? e.name); }`;
  assert.equal(
    (await call({ a: { code: attempt }, b: { code: `return new Response('b');` } })).body,
    'TypeError',
  );
  assert.equal((await call({ a: { code: attempt, grants: edge('other') } })).body, 'CORDON_SERVICE_UNKNOWN');
});

test('requests that could not be sent are refused', async () => {
  const answer = await call({
    a: {
      grants: edge('b'),
      code: `const attempt = async (...args) => { try { const got = await env.NEXT.fetch(...args); return got.status; } catch (e) { return e.code ?? e.name; } };
        return Response.json([await attempt('http://b/'), await attempt('/relative'), await attempt('ftp://b/'), await attempt('http://b/' + 'x'.repeat(8192)), await attempt('http://b/', { headers: { a: 'x'.repeat(33000) } })]);`,
    },
    b: { code: `return new Response('b');` },
  });
  const invalid = 'CORDON_SERVICE_REQUEST_INVALID';
  assert.deepEqual(JSON.parse(answer.body), [200, 'TypeError', invalid, invalid, invalid]);
});

test('bodies stream both ways at the pace of the slower', async () => {
  const size = 4 * 1024 * 1024;
  const answer = await call({
    a: {
      grants: edge('b'),
      code: `let left = ${size}; const body = new ReadableStream({ pull(c) { const m = Math.min(65536, left); c.enqueue(new Uint8Array(m).fill(5)); left -= m; if (left === 0) c.close(); } });
        return env.NEXT.fetch('http://b/', { method: 'POST', body, duplex: 'half' });`,
    },
    b: { code: `return new Response(request.body);` },
  });
  assert.equal(answer.error, null);
  assert.equal(answer.bytes, size);
});

test("the callee's own limits hold: its time, its body, its failures", async () => {
  const attempt = `try { const got = await env.NEXT.fetch('http://b/', { method: 'POST', body: 'x'.repeat(100) }); return new Response(String(got.status)); } catch (e) { return new Response(e.code); }`;
  const b = { code: `await request.text(); return new Response('b');` };
  const a = { code: attempt, grants: edge('b') };
  assert.equal((await call({ a, b: { ...b, limits: { bodyBytes: 100 } } })).body, '200');
  assert.equal((await call({ a, b: { ...b, limits: { bodyBytes: 99 } } })).body, 'CORDON_BODY_TOO_LARGE');
  assert.equal(
    (await call({ a, b: { code: `await new Promise(() => {});`, limits: { timeMs: 200 } } })).body,
    'CORDON_FUNCTION_TIMEOUT',
  );
  assert.equal((await call({ a, b: { code: `throw new Error('broke');` } })).body, 'CORDON_FUNCTION_ERROR');
});

test('when the caller leaves, the callee hears of it', async () => {
  const app = deployCode({
    a: { grants: edge('b'), code: `await env.NEXT.fetch('http://b/', { signal: request.signal });` },
    b: {
      code: `console.log('begun'); await new Promise((resolve) => request.signal.addEventListener('abort', resolve)); console.log('heard'); return new Response();`,
    },
  });
  const said = (text: string): boolean =>
    capable.evidence.lines.some(({ message, request }) => message === text && request === 'req_leave');
  const until = async (text: string): Promise<void> => {
    const deadline = Date.now() + 5000;
    while (!said(text) && Date.now() < deadline) await sleep(10);
    assert.ok(said(text), text);
  };
  let leave = (): void => undefined;
  void callIn(capable.pool, app.of('a'), '/', {
    id: 'req_leave',
    onExchange: (exchange) => (leave = () => exchange.abort()),
  });
  await until('begun');
  leave();
  await until('heard');
});
