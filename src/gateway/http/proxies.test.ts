import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { proxyHeader, proxyHeaderFrom } from '../../transport/proxy-header.fixture.ts';
import { tlsTransport } from '../../transport/transport.fixture.ts';
import { answers, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n';

const TRUSTED = { trusted: ['127.0.0.1'], header: true };

/** Sends bytes and gives what came. */
async function talk({ port }: Harness, bytes: Buffer): Promise<string> {
  const socket = connectTcp({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.write(bytes);
  let text = '';
  socket.on('data', (more: Buffer) => (text += more.toString('latin1')));
  await once(socket, 'close');
  return text;
}

/** Address that the log has for the caller of a refused request. */
function addressOf({ events }: Harness): unknown {
  return events.at(-1)?.detail['address'];
}

const BAD = 'GET /a%2fb HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n';

test('the header of a trusted proxy says who calls, over plain HTTP and before TLS', async () => {
  await withGateway(
    answers('ok'),
    async (proxied) => {
      const text = await talk(proxied, Buffer.concat([proxyHeaderFrom('203.0.113.7'), Buffer.from(BAD)]));
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.equal(addressOf(proxied), '203.0.113.7');
      await talk(proxied, Buffer.concat([proxyHeader(0x20, 0, Buffer.alloc(0)), Buffer.from(BAD)]));
      assert.equal(addressOf(proxied), '127.0.0.1');
    },
    { transport: { tls: null, proxy: TRUSTED } },
  );
  await withGateway(
    answers('ok'),
    async (proxied) => {
      const raw = connectTcp({ port: proxied.port, host: '127.0.0.1' });
      raw.write(proxyHeaderFrom('203.0.113.7'));
      const socket = connect({ socket: raw, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      socket.write(GET);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
      socket.destroy();
    },
    { transport: { ...(await tlsTransport()), proxy: TRUSTED } },
  );
});

test('without its header, cut short, too long or late, a trusted proxy reaches no function', async () => {
  await withGateway(
    answers('ok'),
    async (proxied) => {
      const header = proxyHeaderFrom('203.0.113.7');
      for (const bytes of [
        Buffer.from(GET.padEnd(64)),
        Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n' + GET),
        header.subarray(0, 20),
        proxyHeader(0x21, 0x11, Buffer.alloc(101)),
        Buffer.alloc(0),
      ]) {
        assert.doesNotMatch(await talk(proxied, bytes), /HTTP/);
      }
      assert.equal(proxied.invocations.length, 0);
      const longest = proxyHeader(0x20, 0, Buffer.alloc(100));
      assert.match(await talk(proxied, Buffer.concat([longest, Buffer.from(GET)])), /^HTTP\/1\.1 200 /);
      assert.ok(
        proxied.events.some(({ detail }) => detail['rule'] === 'header of the PROXY protocol: took too long'),
      );
    },
    {
      transport: {
        tls: null,
        proxy: TRUSTED,
        limits: { proxyHeaderTimeoutMs: 100, proxyHeaderBytesMax: 100 },
      },
    },
  );
});

test('a header of the PROXY protocol from an address that is not trusted is no request', async () => {
  await withGateway(
    answers('ok'),
    async (direct) => {
      const text = await talk(direct, Buffer.concat([proxyHeaderFrom('203.0.113.7'), Buffer.from(GET)]));
      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.equal(direct.invocations.length, 0);
      assert.match(await talk(direct, Buffer.from(GET)), /^HTTP\/1\.1 200 /);
    },
    { transport: { tls: null, proxy: { trusted: ['10.0.0.0/8'], header: true } } },
  );
});

test('connections through a proxy are counted for their callers', async () => {
  await withGateway(
    answers('ok'),
    async (proxied) => {
      const open = connectTcp({ port: proxied.port, host: '127.0.0.1' });
      open.write(
        Buffer.concat([
          proxyHeaderFrom('203.0.113.7'),
          Buffer.from('GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n'),
        ]),
      );
      await once(open, 'data');
      const again = Buffer.concat([proxyHeaderFrom('203.0.113.7'), Buffer.from(GET)]);
      assert.equal(await talk(proxied, again), '');
      assert.match(
        await talk(proxied, Buffer.concat([proxyHeaderFrom('203.0.113.8'), Buffer.from(GET)])),
        /^HTTP\/1\.1 200 /,
      );
      open.destroy();
    },
    { transport: { tls: null, proxy: TRUSTED }, limits: { connectionsPerAddressMax: 1 } },
  );
});

test('X-Forwarded fields of a trusted proxy say who calls and by which scheme, and of anyone else nothing', async () => {
  const forwarded = 'X-Forwarded-For: 1.1.1.1, 203.0.113.7\r\nX-Forwarded-Proto: https\r\n';
  const ask = (line: string): Buffer =>
    Buffer.from(`GET ${line} HTTP/1.1\r\nHost: shop.example\r\n${forwarded}Connection: close\r\n\r\n`);
  for (const [trusted, address, scheme] of [
    ['127.0.0.1', '203.0.113.7', 'https'],
    ['10.0.0.1', '127.0.0.1', 'http'],
  ] as const) {
    await withGateway(
      answers('ok'),
      async (behind) => {
        await talk(behind, ask('/a%2fb'));
        assert.equal(addressOf(behind), address);
        await talk(behind, ask('/a'));
        const { url, headers = [] } = behind.invocations[0]?.request ?? {};
        assert.equal(url, `${scheme}://shop.example/a`);
        assert.equal(headers.includes('1.1.1.1, 203.0.113.7'), false);
      },
      { transport: { tls: null, proxy: { trusted: [trusted], header: false } } },
    );
  }
});

test('X-Forwarded-For that cannot be read refuses the request', async () => {
  await withGateway(
    answers('ok'),
    async (behind) => {
      const bytes = GET.replace('Connection', 'X-Forwarded-For: unknown\r\nConnection');
      assert.match(await talk(behind, Buffer.from(bytes)), /^HTTP\/1\.1 400 /);
      assert.equal(behind.invocations.length, 0);
    },
    { transport: { tls: null, proxy: { trusted: ['127.0.0.1'], header: false } } },
  );
});
