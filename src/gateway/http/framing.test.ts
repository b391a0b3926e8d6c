import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, startGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import { countResponses, RawClient } from './raw-client.fixture.ts';

let harness: Harness;
before(async () => {
  harness = await startGateway(
    ({ request, sink, ...rest }) => {
      answers(`served ${request.method} ${new URL(request.url).pathname}`)({ request, sink, ...rest });
    },
    {
      limits: {
        headersTimeoutMs: 200,
        headersCountMax: 20,
        headersBytesMax: 4096,
        urlBytesMax: 1024,
        pipelinedRequestsMax: 4,
      },
    },
  );
});
after(() => harness.close());

const HOST = 'Host: shop.example\r\n';
/** What an attacker hopes the back end takes for a second request. */
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;

const benign: Record<string, string> = {
  'a GET': `GET / HTTP/1.1\r\n${HOST}\r\n`,
  'a body with Content-Length': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  'a chunked body': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  'a chunked body with a trailer': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n`,
  'HTTP/1.0 with Host': `GET / HTTP/1.0\r\n${HOST}\r\n`,
  'the absolute form that agrees with Host': `GET http://shop.example/ HTTP/1.1\r\n${HOST}\r\n`,
  'an upgrade to h2c, which is ignored': `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
};

for (const [what, bytes] of Object.entries(benign)) {
  test(`${what} is served`, async () => {
    const client = new RawClient(harness.port);
    client.send(bytes);
    const text = await client.until(/served (GET|POST) \//);
    assert.match(text, /^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });
}

const hostile: Record<string, string> = {
  'CL.TE': `POST / HTTP/1.1\r\n${HOST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
  'TE.CL': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\nG\r\n0\r\n\r\n`,
  'TE.TE with a second coding': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  'TE repeated': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a coding before chunked': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  xchunked: `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'a vertical tab before chunked': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'a space before the colon': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'chunked in a folded line': `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'Transfer-Encoding in HTTP/1.0': `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'Content-Length twice, equal': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
  'Content-Length twice, different': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello`,
  'Content-Length as a list': `POST / HTTP/1.1\r\n${HOST}Content-Length: 5, 5\r\n\r\nhello`,
  'Content-Length with a sign': `POST / HTTP/1.1\r\n${HOST}Content-Length: +5\r\n\r\nhello`,
  'Content-Length negative': `POST / HTTP/1.1\r\n${HOST}Content-Length: -5\r\n\r\n`,
  'Content-Length empty': `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`,
  'Content-Length past 64 bits': `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`,
  'a folded field': `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`,
  'bare LF after a field': `GET / HTTP/1.1\r\nHost: shop.example\nX: b\r\n\r\n`,
  'bare LF after the request line': `GET / HTTP/1.1\n${HOST}\r\n`,
  'bare LF at the end of the head': `GET / HTTP/1.1\r\n${HOST}\n`,
  'bare CR in a field': `GET / HTTP/1.1\r\n${HOST}X: a\rY: b\r\n\r\n`,
  'NUL in a field': `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`,
  'a space before the first field': `GET / HTTP/1.1\r\n Host: x\r\n${HOST}\r\n`,
  'Host twice': `GET / HTTP/1.1\r\n${HOST}Host: other.example\r\n\r\n`,
  'Host twice, equal': `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`,
  'no Host': 'GET / HTTP/1.1\r\n\r\n',
  'no Host in HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/1.2': `GET / HTTP/1.2\r\n${HOST}\r\n`,
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  RTSP: `SETUP rtsp://shop.example/ RTSP/1.0\r\n${HOST}\r\n`,
  'a method in lower case': `get / HTTP/1.1\r\n${HOST}\r\n`,
  'Authorization twice': `GET / HTTP/1.1\r\n${HOST}Authorization: Bearer right\r\nAuthorization: Bearer wrong\r\n\r\n`,
  CONNECT: `CONNECT shop.example:80 HTTP/1.1\r\n${HOST}\r\n`,
  'an unknown expectation': `POST / HTTP/1.1\r\n${HOST}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`,
};

for (const [what, bytes] of Object.entries(hostile)) {
  test(`${what} is answered with 400 and a close, reaches no function, and neither does what follows`, async () => {
    const before = harness.invocations.length;
    const events = harness.events.length;
    const client = new RawClient(harness.port);
    client.send(bytes + SMUGGLED);
    const text = await client.closed();
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(text, /\r\nconnection: close\r\n/i);
    assert.equal(countResponses(text), 1);
    assert.match(text, /"code":"CORDON_(REQUEST_MALFORMED|HOST_REFUSED|TARGET_REFUSED)"/);
    assert.match(text, /\r\nx-request-id: req_[0-9a-z]{16}\r\n/);
    assert.equal(harness.invocations.length, before);
    assert.ok(harness.events.length > events || harness.events.length > 50, 'a security event is recorded');
  });
}

const torn: Record<string, string> = {
  'a chunk size with a bare LF': '1\nx\r\n0\r\n\r\n',
  'a chunk extension with a bare LF': '1;\nxx\r\nx\r\n0\r\n\r\n',
  'chunk data without its CRLF': '1\r\nxx\r\n0\r\n\r\n',
  'a chunk size in the notation of programs': '0x1\r\nx\r\n0\r\n\r\n',
  'a chunk size with a space': '1 \r\nx\r\n0\r\n\r\n',
  'a last chunk with a bare LF': '0\r\n\n',
};

for (const [what, body] of Object.entries(torn)) {
  test(`${what} ends the exchange with at most one invocation`, async () => {
    const before = harness.invocations.length;
    const client = new RawClient(harness.port);
    client.send(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${body}${SMUGGLED}`);
    const text = await client.closed();
    assert.ok(countResponses(text) <= 2, text);
    assert.ok(harness.invocations.length <= before + 1);
    assert.doesNotMatch(text, /smuggled/);
  });
}

test('target refusals keep the connection, as its framing is sound', async () => {
  const before = harness.invocations.length;
  const client = new RawClient(harness.port);
  client.send(`GET /a%2fb HTTP/1.1\r\n${HOST}\r\n`);
  assert.match(await client.until(/}}$/), /^HTTP\/1\.1 400 .*"code":"CORDON_TARGET_REFUSED"/s);
  assert.equal(harness.invocations.length, before);
  client.send(`GET /ab HTTP/1.1\r\n${HOST}\r\n`);
  await client.until(/served GET \/ab/);
  client.socket.destroy();
});

test('pipelined requests are answered in order', async () => {
  const client = new RawClient(harness.port);
  client.send([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\n${HOST}\r\n`).join(''));
  const text = await client.until(/served GET \/3/);
  assert.deepEqual(text.match(/served GET \/\d/g), ['served GET /1', 'served GET /2', 'served GET /3']);
  client.socket.destroy();
});

test('a malformed message behind a good one is answered after it, not instead of it', async () => {
  const client = new RawClient(harness.port);
  client.send(`GET /good HTTP/1.1\r\n${HOST}\r\nGET / HTTP/1.1\r\nHost : x\r\n\r\n`);
  const text = await client.closed();
  assert.match(text, /^HTTP\/1\.1 200 .*served GET \/good.*HTTP\/1\.1 400 /s);
});

test('what follows Connection: close is not read, and the answer before it is whole', async () => {
  const before = harness.invocations.length;
  const client = new RawClient(harness.port);
  client.send(`GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n${SMUGGLED}`);
  const text = await client.closed();
  assert.match(text, /^HTTP\/1\.1 200 .*served GET \/last$/s);
  assert.equal(harness.invocations.length, before + 1);
});

test('as many fields as allowed are served and one more is answered with 431', async () => {
  const fields = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: y\r\n`).join('');
  const served = new RawClient(harness.port);
  served.send(`GET / HTTP/1.1\r\n${HOST}${fields(19)}\r\n`);
  await served.until(/^HTTP\/1\.1 200 /);
  served.socket.destroy();
  const refused = new RawClient(harness.port);
  refused.send(`GET / HTTP/1.1\r\n${HOST}${fields(20)}\r\n`);
  assert.match(await refused.closed(), /^HTTP\/1\.1 431 .*CORDON_HEADERS_TOO_LARGE/s);
});

test('headers past their bytes are answered with 431, and a long target with 414', async () => {
  const large = new RawClient(harness.port);
  large.send(`GET / HTTP/1.1\r\n${HOST}X: ${'a'.repeat(5000)}\r\n\r\n`);
  assert.match(await large.closed(), /^HTTP\/1\.1 431 /);
  const long = new RawClient(harness.port);
  long.send(`GET /${'a'.repeat(1024)} HTTP/1.1\r\n${HOST}\r\n`);
  assert.match(await long.closed(), /^HTTP\/1\.1 414 /);
  const fits = new RawClient(harness.port);
  fits.send(`GET /${'a'.repeat(1023)} HTTP/1.1\r\n${HOST}\r\n`);
  await fits.until(/^HTTP\/1\.1 200 /);
  fits.socket.destroy();
});

test('headers that do not arrive in time are answered with 408', async () => {
  const client = new RawClient(harness.port);
  client.send('GET / HTTP/1.1\r\nHost: shop');
  assert.match(await client.closed(), /^HTTP\/1\.1 408 .*CORDON_REQUEST_TIMEOUT/s);
});
