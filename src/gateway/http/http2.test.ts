import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { after, before, test } from 'node:test';
import type { TransportOptions } from '../../transport/index.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import { answers, startGateway, withGateway } from '../gateway.fixture.ts';
import type { FakeFunction, Harness } from '../gateway.fixture.ts';

let transport: TransportOptions;
let harness: Harness;
let session: ClientHttp2Session;

before(async () => {
  transport = await tlsTransport();
  harness = await startGateway(
    ({ request, sink }) => {
      sink.head(
        200,
        ['X-Mixed', 'a', 'set-cookie', 'b=1', 'set-cookie', 'c=2'],
        Buffer.from(`served ${request.method} ${request.url}`),
        true,
      );
    },
    { transport },
  );
  session = open(harness);
});

after(async () => {
  session.destroy();
  await harness.close();
});

function open({ port }: Harness): ClientHttp2Session {
  const opened = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  opened.on('error', () => undefined);
  return opened;
}

interface Answered {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  /** Error code of RST_STREAM; 0 for a stream that ended well. */
  readonly reset: number;
}

/** Sends a request and reads its answer. */
async function ask(
  on: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answered> {
  const stream = on.request({ ':authority': 'shop.example', ...headers }, { endStream: body === undefined });
  stream.on('error', () => undefined);
  let seen: Record<string, unknown> = {};
  stream.on('response', (received) => (seen = received));
  const chunks: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => chunks.push(bytes));
  if (body !== undefined) stream.end(body);
  await once(stream, 'close').catch(() => undefined);
  const status = Number(seen[':status'] ?? 0);
  return { status, headers: seen, text: Buffer.concat(chunks).toString(), reset: stream.rstCode };
}

function post(on: ClientHttp2Session, bytes: number): Promise<Answered> {
  return ask(on, { ':method': 'POST', ':path': '/a', 'content-length': bytes }, Buffer.alloc(bytes));
}

test('a request is served, and its function sees one URL of https with the authority as host', async () => {
  const { status, headers, text } = await ask(session, { ':path': '/a?b=c' });
  assert.deepEqual([status, text], [200, 'served GET https://shop.example/a?b=c']);
  assert.deepEqual(headers['set-cookie'], ['b=1', 'c=2']);
  assert.equal(headers['x-mixed'], 'a');
  assert.match(String(headers['x-request-id']), /^req_/);
});

test('bodies go both ways, with and without a length', async () => {
  const echo: FakeFunction = (invocation) => {
    const finish = (): void => {
      const body = Buffer.concat(invocation.received);
      invocation.sink.head(200, [], null, false);
      invocation.sink.data(body);
      invocation.sink.end();
    };
    if (invocation.ended) finish();
    else invocation.onEnd = finish;
  };
  await withGateway(
    echo,
    async (echoing) => {
      const on = open(echoing);
      const large = Buffer.alloc(300_000, 'x');
      const streamed = await ask(on, { ':method': 'POST', ':path': '/a' }, large);
      assert.deepEqual([streamed.status, streamed.text.length, streamed.reset], [200, 300_000, 0]);
      const measured = await ask(on, { ':method': 'POST', ':path': '/a', 'content-length': 5 }, 'hello');
      assert.deepEqual([measured.status, measured.text], [200, 'hello']);
      on.destroy();
    },
    { transport },
  );
});

test('HEAD and 204 have no body', async () => {
  const head = await ask(session, { ':method': 'HEAD', ':path': '/a' });
  assert.deepEqual([head.status, head.text, head.reset], [200, '', 0]);
  await withGateway(
    ({ sink }) => sink.head(204, [], null, true),
    async (empty) => {
      const on = open(empty);
      const answer = await ask(on, { ':path': '/a' });
      assert.deepEqual([answer.status, answer.text, answer.reset], [204, '', 0]);
      on.destroy();
    },
    { transport },
  );
});

test('crumbs of cookies are joined, and fields that say who calls do not pass', async () => {
  const before = harness.invocations.length;
  await ask(session, { ':path': '/a', cookie: ['a=1', 'b=2'], 'x-forwarded-for': '1.2.3.4', te: 'trailers' });
  const { headers = [] } = harness.invocations[before]?.request ?? {};
  assert.equal(headers.includes('x-forwarded-for') && headers.includes('1.2.3.4'), false);
  assert.equal(headers.includes('te'), false);
  assert.equal(headers[headers.indexOf('cookie') + 1], 'a=1; b=2');
});

test('an error is answered on its stream, and the session goes on', async () => {
  const unknown = await ask(session, { ':path': '/a%2fb' });
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /CORDON_TARGET_REFUSED/);
  assert.equal((await ask(session, { ':path': '/ab' })).status, 200);
});

test('a refused body is read away, and the session goes on', async () => {
  const refused = await ask(session, { ':method': 'POST', ':path': '/private' }, Buffer.alloc(100_000));
  assert.equal(refused.status, 401);
  assert.equal((await ask(session, { ':path': '/ab' })).status, 200);
});

test('a body past its limit is answered with 413, and one of the longest length is served', async () => {
  const limits = { functionLimits: { bodyBytes: 1000 }, transport };
  await withGateway(
    answers('ok'),
    async (bounded) => {
      const on = open(bounded);
      assert.equal((await post(on, 1001)).status, 413);
      assert.equal((await post(on, 1000)).status, 200);
      on.destroy();
    },
    limits,
  );
});

test('an answer that breaks off resets its stream, so that it is not taken for a whole one', async () => {
  await withGateway(
    ({ sink }) => {
      sink.head(200, ['content-length', '10'], null, false);
      sink.data(Buffer.from('12345'));
      sink.end();
    },
    async (breaking) => {
      const on = open(breaking);
      const { status, reset } = await ask(on, { ':path': '/a' });
      assert.deepEqual([status, reset], [200, constants.NGHTTP2_INTERNAL_ERROR]);
      assert.equal(on.destroyed, false);
      on.destroy();
    },
    { transport },
  );
});

test('a caller that resets its stream aborts its function alone', async () => {
  await withGateway(
    () => undefined,
    async (waiting) => {
      const on = open(waiting);
      const first = on.request({ ':path': '/a', ':authority': 'shop.example' });
      first.on('error', () => undefined);
      const other = on.request({ ':path': '/b', ':authority': 'shop.example' });
      other.on('error', () => undefined);
      const invocation = await waiting.invocation(0);
      await waiting.invocation(1);
      const aborted = new Promise<void>((resolve) => (invocation.onAbort = resolve));
      first.close(constants.NGHTTP2_CANCEL);
      await aborted;
      assert.equal(waiting.invocations[1]?.aborted, false);
      on.destroy();
    },
    { transport },
  );
});

test('Expect: 100-continue is answered before the body, and another expectation is refused', async () => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/a',
    ':authority': 'shop.example',
    'content-length': 1,
    expect: '100-continue',
  });
  await once(stream, 'continue');
  stream.end('x');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 200);
  stream.resume();
  const refused = await ask(session, { ':method': 'POST', ':path': '/a', expect: '200-ok' }, 'x');
  assert.equal(refused.status, 400);
});

test('a drain tells the session, serves what is on its way, and then closes it', async () => {
  const draining = await startGateway(() => undefined, { transport });
  const on = open(draining);
  const first = ask(on, { ':path': '/a' });
  const invocation = await draining.invocation(0);
  const goaway = once(on, 'goaway');
  const closing = draining.gateway.close(5_000);
  await goaway;
  invocation.sink.head(200, [], Buffer.from('late'), true);
  assert.deepEqual([(await first).status, (await first).text], [200, 'late']);
  await closing;
  assert.equal(draining.gateway.stats().connections, 0);
});

test('HTTP/1.1 is served over TLS too, and HTTP/2 without TLS is not', async () => {
  const { request } = await import('node:https');
  const status = await new Promise((resolve, reject) => {
    request(
      {
        port: harness.port,
        host: '127.0.0.1',
        path: '/a',
        headers: { host: 'shop.example' },
        rejectUnauthorized: false,
        agent: false,
      },
      (response) => {
        response.resume();
        resolve([response.httpVersion, response.statusCode]);
      },
    )
      .on('error', reject)
      .end();
  });
  assert.deepEqual(status, ['1.1', 200]);
  assert.equal(harness.invocations.at(-1)?.request.url, 'https://shop.example/a');
});
