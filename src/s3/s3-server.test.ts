import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { LIMITS } from '../contract/index.ts';
import { tlsTransport } from '../transport/transport.fixture.ts';
import { CorsRules } from './cors.ts';
import type { S3Options } from './index.ts';
import { openEndpoint, presigned, rawExchange } from './s3.fixture.ts';
import type { TestEndpoint } from './s3.fixture.ts';

let endpoint: TestEndpoint;
before(async () => {
  endpoint = await openEndpoint({ origins: ['https://app.example'] });
});
after(() => endpoint.close());

const codeIn = (text: string): string => /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? text.slice(0, 60);

/** The answer once the other side has noticed that there is room. */
async function eventuallyAnswered(url: string): Promise<string> {
  for (;;) {
    const answer = await rawExchange(url, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    if (answer !== '') return answer;
  }
}

test('a preflight of a page that is named is answered, and that of another is not', async () => {
  const preflight = (origin: string, method: string, names: string) =>
    fetch(`${endpoint.url}/photos/a`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': names,
      },
    });
  const good = await preflight('https://app.example', 'PUT', 'content-type,x-amz-meta-a');
  assert.equal(good.status, 204);
  assert.equal(good.headers.get('access-control-allow-origin'), 'https://app.example');
  assert.equal(good.headers.get('access-control-allow-headers'), 'content-type, x-amz-meta-a');
  assert.equal(good.headers.get('access-control-allow-credentials'), null);
  const refused = [
    ['https://other.example', 'PUT', ''],
    ['https://app.example', 'PATCH', ''],
    ['https://app.example', 'PUT', 'cookie'],
    ['null', 'PUT', ''],
  ] as const;
  for (const [origin, method, names] of refused)
    assert.equal((await preflight(origin, method, names)).status, 403, `${origin} ${method} ${names}`);
  const answer = await fetch(presigned(endpoint, ['GET', 'photos', 'page']), {
    headers: { origin: 'https://other.example' },
  });
  assert.equal(answer.headers.get('access-control-allow-origin'), null);
});

test('more requests than are served at the same time are sent away, until one is over', async () => {
  const own = await openEndpoint({ limits: { requestsMax: 1 } });
  try {
    const { pathname, search, host } = new URL(presigned(own, ['PUT', 'photos', 'held']));
    const held = connectPlain(Number(new URL(own.url).port), '127.0.0.1');
    held.write(
      `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1\r\nexpect: 100-continue\r\n\r\n`,
    );
    const answers = on(held, 'data');
    await answers.next();
    const get = presigned(own, ['GET', 'photos', 'held']);
    assert.equal(codeIn(await (await fetch(get)).text()), 'SlowDown');
    held.write('x');
    const answered = await answers.next();
    assert.match(String(answered.value), /^HTTP\/1\.1 200/);
    held.destroy();
    assert.equal(await (await fetch(get)).text(), 'x');
  } finally {
    await own.close();
  }
});

test('a connection past the most is dropped, and the operator is told', async () => {
  const own = await openEndpoint({ limits: { connectionsMax: 1 } });
  try {
    const first = connectPlain(own.server.port, '127.0.0.1');
    await once(first, 'connect');
    assert.equal(await rawExchange(own.url, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'), '');
    assert.deepEqual(
      own.events.map(({ kind, reason }) => [kind, reason]),
      [['limit.exceeded', 'connections']],
    );
    first.destroy();
    await once(first, 'close');
    const answer = await eventuallyAnswered(own.url);
    assert.match(answer, /^HTTP\/1\.1 403/);
  } finally {
    await own.close();
  }
});

test('plain HTTP is refused on an address that others reach, unless it is said aloud', async () => {
  const at = (more: Partial<S3Options>) =>
    openEndpoint({ host: '0.0.0.0', ...more }).then((own) => own.close());
  await assert.rejects(at({}), { code: 'CORDON_PLAINTEXT_REFUSED' });
  await at({ unsafePlaintext: true });
});

test('what is not an origin cannot be named as one, and no more than the most', () => {
  for (const origin of ['*', 'null', 'https://app.example/', 'app.example'])
    assert.throws(() => new CorsRules([origin]), { code: 'CORDON_USAGE' }, origin);
  const origins = (count: number) => Array.from({ length: count }, (_, at) => `https://${at}.example`);
  assert.ok(new CorsRules(origins(LIMITS.s3OriginsMax.value)));
  const tooMany = origins(LIMITS.s3OriginsMax.value + 1);
  assert.throws(() => new CorsRules(tooMany), { code: 'CORDON_USAGE' });
});

test('the endpoint speaks TLS, and HTTP/1.1 on it', async () => {
  const { tls } = await tlsTransport();
  const secure = await openEndpoint({ tls });
  try {
    const [protocol, answer] = await new Promise<[string | false | null, string]>((resolve, reject) => {
      const socket = connect({
        port: secure.server.port,
        host: '127.0.0.1',
        // It made its own certificate.
        rejectUnauthorized: false,
        ALPNProtocols: ['h2', 'http/1.1'],
      });
      let text = '';
      socket.on('error', reject);
      socket.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      socket.on('end', () => resolve([socket.alpnProtocol, text]));
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    });
    assert.equal(protocol, 'http/1.1');
    assert.match(answer, /^HTTP\/1\.1 403 /);
  } finally {
    await secure.close();
  }
});

test('who fails again and again is told nothing more, and the operator is told once', async () => {
  const own = await openEndpoint();
  try {
    const key = { ...own.key, secretAccessKey: 'x'.repeat(40) };
    const attempt = async (): Promise<string> =>
      codeIn(await (await fetch(presigned({ url: own.url, key }, ['GET', 'photos', 'a']))).text());
    const most = LIMITS.authFailuresPerSourceMax.value;
    for (let count = 1; count <= most + 1; count += 1) assert.equal(await attempt(), 'SignatureDoesNotMatch');
    assert.equal(await attempt(), 'SlowDown');
    const told = own.events.filter(
      ({ kind, detail }) => kind === 'auth.stuffing' && detail['by'] === 'source',
    );
    assert.equal(told.length, 1);
    const good = await fetch(presigned(own, ['GET', 'photos', 'a']));
    assert.equal(codeIn(await good.text()), 'NoSuchKey');
  } finally {
    await own.close();
  }
});
