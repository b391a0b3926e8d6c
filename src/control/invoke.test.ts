import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { LIMITS, CordonError } from '../contract/index.ts';
import { hello, startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl();
});

afterEach(() => {
  control.answer = hello;
  control.seen.length = 0;
  control.credited = 0;
  control.aborted = 0;
});

after(() => control.close());

interface Result {
  readonly status: number;
  readonly headers: [string, string][];
  readonly bodyBase64: string;
  readonly instance: string | null;
  readonly error: { readonly code: string };
}

async function invoke(
  body: object,
  options: { readonly signal?: AbortSignal; readonly path?: string } = {},
): Promise<Result> {
  const response = await fetch(control.url + (options.path ?? '/v1/apps/shop/functions/main/invoke'), {
    method: 'POST',
    headers: { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: options.signal ?? null,
  });
  return (await response.json()) as Result;
}

test('a function gets the request and its whole response comes back', async () => {
  const bodyBase64 = Buffer.from('ping').toString('base64');
  const result = await invoke({ method: 'POST', path: '/a?b=c', headers: [['x-a', '1']], bodyBase64 });
  assert.equal(Buffer.from(result.bodyBase64, 'base64').toString(), 'POST http://localhost/a?b=c ping');
  assert.equal(result.status, 200);
  assert.equal(result.instance, 'ins_fake');
  assert.deepEqual(result.headers, [['content-type', 'text/plain']]);
  assert.deepEqual(control.seen[0]?.request.headers, [
    'x-a',
    '1',
    'host',
    'localhost',
    'content-length',
    '4',
  ]);
});

test('a large body is written in pieces as the guest takes them', async () => {
  const sent = Buffer.alloc(700 * 1024, 'abc');
  await invoke({ bodyBase64: sent.toString('base64') });
  const [seen] = control.seen;
  assert.equal(seen?.request.streams, true);
  assert.ok(seen.body.equals(sent));
});

test('a response in pieces is joined, and each piece is credited', async () => {
  control.answer = (_, sink) => {
    sink.head(200, [], null, false);
    sink.data(Buffer.from('ab'));
    sink.data(Buffer.from('cd'));
    sink.end();
  };
  const result = await invoke({});
  assert.equal(Buffer.from(result.bodyBase64, 'base64').toString(), 'abcd');
  assert.equal(control.credited, 4);
});

test('a response at the limit comes back, one byte more ends the exchange', async () => {
  const bytesMax = LIMITS.invokeResponseBytesMax.value;
  control.answer = (_, sink) => sink.head(200, [], Buffer.alloc(bytesMax), true);
  assert.equal((await invoke({})).status, 200);
  control.answer = (_, sink) => sink.head(200, [], Buffer.alloc(bytesMax + 1), true);
  assert.equal((await invoke({})).error.code, 'CORDON_RESPONSE_TOO_LARGE');
  assert.equal(control.aborted, 1);
});

test('what goes wrong in the function keeps its code', async () => {
  control.answer = (_, sink) => sink.failed(new CordonError('CORDON_FUNCTION_TIMEOUT'));
  assert.equal((await invoke({})).error.code, 'CORDON_FUNCTION_TIMEOUT');
});

test('a client that leaves ends the exchange', async () => {
  const arrived = Promise.withResolvers<void>();
  control.answer = () => arrived.resolve();
  const leaving = new AbortController();
  const invoked = invoke({}, { signal: leaving.signal });
  await arrived.promise;
  leaving.abort();
  await assert.rejects(invoked, { name: 'AbortError' });
  // The server learns of it from the socket; the next answer shows that it has.
  for (let i = 0; i < 100 && control.aborted === 0; i++) await fetch(`${control.url}/v1/health`);
  assert.equal(control.aborted, 1);
});

test('framing is the platform’s, and a function that is not there has no response', async () => {
  await invoke({
    headers: [
      ['Transfer-Encoding', 'chunked'],
      ['Connection', 'close'],
      ['Content-Length', '9'],
    ],
  });
  assert.deepEqual(control.seen[0]?.request.headers, ['host', 'localhost']);
  const other = await invoke({}, { path: '/v1/apps/shop/functions/other/invoke' });
  assert.equal(other.error.code, 'CORDON_FUNCTION_UNKNOWN');
});

test('paths and headers that could be read in two ways are refused', async () => {
  for (const body of [
    { path: '//evil.example/' },
    { path: 'http://evil.example/' },
    { path: '/a b' },
    { path: '/a\r\nx: y' },
    { headers: [['x', 'a\r\ny: b']] },
    { headers: [['x y', 'a']] },
    { method: 'GET /' },
    { bodyBase64: '***' },
  ]) {
    assert.equal((await invoke(body)).error.code, 'CORDON_INPUT_INVALID', JSON.stringify(body));
  }
  assert.equal(control.seen.length, 0);
});

test('a body at limits.body is taken, one byte more is refused', async () => {
  const limit = 1024 * 1024;
  const sized = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
  assert.equal((await invoke({ bodyBase64: sized(limit) })).status, 200);
  assert.equal((await invoke({ bodyBase64: sized(limit + 1) })).error.code, 'CORDON_BODY_TOO_LARGE');
});
