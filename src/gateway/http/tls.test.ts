import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { makeCertificates, makePair, renewFor, tlsTransport } from '../../transport/transport.fixture.ts';
import type { TransportOptions } from '../../transport/index.ts';
import { answers, startGateway, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import { RawClient } from './raw-client.fixture.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n';

let transport: TransportOptions;
let harness: Harness;

before(async () => {
  transport = await tlsTransport();
  harness = await startGateway(answers('ok'), { transport });
});

after(() => harness.close());

/** Does a handshake; rejects where it fails. */
async function handshake({ port }: Harness, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

async function status(socket: TLSSocket): Promise<string> {
  socket.write(GET);
  let text = '';
  for await (const bytes of socket) text += String(bytes);
  return text.slice(9, 12);
}

test('TLS 1.2 and 1.3 are served with forward secrecy, and 1.1 and older are not', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake(harness, { minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    assert.equal(await status(socket), '200');
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(handshake(harness, old));
  await assert.rejects(handshake(harness, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }));
  await assert.rejects(handshake(harness, { ALPNProtocols: ['spdy/3'] }));
});

test('a caller of TLS 1.2 that asks to negotiate again is refused', async () => {
  const socket = await handshake(harness, { maxVersion: 'TLSv1.2' });
  const failed = once(socket, 'error');
  socket.renegotiate({}, () => undefined);
  assert.match(String(await failed), /no renegotiation/i);
  socket.destroy();
});

test('each name gets its certificate, and an unknown one or none the first', async () => {
  const certificates = await makeCertificates(['first.example'], ['second.example', '*.wild.example']);
  const sni: TransportOptions = { tls: { certificates, wantsClientCertificates: () => false }, proxy: null };
  await withGateway(
    answers('ok'),
    async (named) => {
      const asked = [
        ['first.example', 'first.example'],
        ['second.example', 'second.example'],
        ['a.wild.example', 'second.example'],
        ['SECOND.example', 'second.example'],
        ['a.b.wild.example', 'first.example'],
        ['unknown.example', 'first.example'],
        ['', 'first.example'],
      ];
      for (const [servername = '', expected] of asked) {
        const socket = await handshake(named, servername === '' ? {} : { servername });
        assert.equal(socket.getPeerCertificate().subject.CN, expected, servername);
        socket.destroy();
      }
    },
    { transport: sni },
  );
  certificates.close();
});

test('certificates change under load without a connection or a request that is lost', async () => {
  const certificates = await makeCertificates(['old.example']);
  const changing: TransportOptions = {
    tls: { certificates, wantsClientCertificates: () => false },
    proxy: null,
  };
  await withGateway(
    answers('ok'),
    async (loaded) => {
      const session = connectHttp2(`https://127.0.0.1:${loaded.port}`, { rejectUnauthorized: false });
      const kept = await handshake(loaded);
      const served: unknown[] = [];
      for (let i = 0; i < 50; i++) {
        if (i === 25) await renewFor(certificates, ['new.example']);
        const stream = session.request({ ':path': '/a', ':authority': 'shop.example' });
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
        served.push(headers[':status']);
        stream.resume();
      }
      assert.deepEqual(served, Array(50).fill(200));
      assert.equal(await status(kept), '200');
      const fresh = await handshake(loaded);
      assert.equal(fresh.getPeerCertificate().subject.CN, 'new.example');
      fresh.destroy();
      session.destroy();
    },
    { transport: changing },
  );
  certificates.close();
});

test('sessions are resumed, and not any more once the key of tickets was changed', async () => {
  const certificates = await makeCertificates(['localhost']);
  const resuming: TransportOptions = {
    tls: { certificates, wantsClientCertificates: () => false },
    proxy: null,
  };
  await withGateway(
    answers('ok'),
    async (resumed) => {
      const options = { maxVersion: 'TLSv1.2' } as const;
      const first = await handshake(resumed, options);
      const session = first.getSession();
      first.destroy();
      assert.ok(session !== undefined);
      const second = await handshake(resumed, { ...options, session });
      assert.equal(second.isSessionReused(), true);
      second.destroy();
      certificates.rotateTicketKeys();
      const third = await handshake(resumed, { ...options, session });
      assert.equal(third.isSessionReused(), false);
      third.destroy();
    },
    { transport: resuming },
  );
  certificates.close();
});

test('a caller is asked for a certificate only while some app wants one', async () => {
  const pair = await makePair(['caller']);
  const certificates = await makeCertificates(['localhost']);
  let wanted = false;
  const asking: TransportOptions = {
    tls: { certificates, wantsClientCertificates: () => wanted },
    proxy: null,
  };
  await withGateway(
    answers('ok'),
    async (asked) => {
      const shown = { cert: pair.certificate, key: pair.key };
      for (wanted of [false, true]) {
        assert.equal(await status(await handshake(asked, shown)), '200');
        assert.equal(await status(await handshake(asked)), '200');
      }
    },
    { transport: asking },
  );
  certificates.close();
});

test('plain HTTP on the port of TLS, and a handshake that is not finished in time, are cut with an event', async () => {
  await withGateway(
    answers('ok'),
    async (strict) => {
      const plain = new RawClient(strict.port);
      plain.send(GET);
      assert.doesNotMatch(await plain.closed(), /HTTP/);
      const silent = new RawClient(strict.port);
      await silent.closed();
      const rules = strict.events.map(({ detail }) => String(detail['rule']));
      assert.ok(rules.some((rule) => rule.startsWith('TLS: ERR_SSL')));
      assert.ok(rules.includes('TLS handshake: took too long'));
      assert.equal(strict.invocations.length, 0);
    },
    { transport: { ...transport, limits: { handshakeTimeoutMs: 100 } } },
  );
});

test('handshakes past those at once are cut, and done again once there is room', async () => {
  await withGateway(
    answers('ok'),
    async (busy) => {
      const waiting = [new RawClient(busy.port), new RawClient(busy.port)];
      await Promise.all(waiting.map(({ socket }) => once(socket, 'connect')));
      await assert.rejects(handshake(busy));
      for (const { socket } of waiting) socket.destroy();
      while (busy.gateway.stats().connections > 0) await new Promise(setImmediate);
      assert.equal(await status(await handshake(busy)), '200');
    },
    { transport: { ...transport, limits: { handshakesInFlightMax: 2 } } },
  );
});

test('connections of one address are counted before the handshake', async () => {
  await withGateway(
    answers('ok'),
    async (bounded) => {
      const open = new RawClient(bounded.port);
      await once(open.socket, 'connect');
      await assert.rejects(handshake(bounded));
      open.socket.destroy();
      while (bounded.gateway.stats().connections > 0) await new Promise(setImmediate);
      assert.equal(await status(await handshake(bounded)), '200');
    },
    { transport, limits: { connectionsPerAddressMax: 1 } },
  );
});

test('a WebSocket works over TLS', async () => {
  await withGateway(
    (invocation) => {
      invocation.onMessage = (data, text) => invocation.sink.message(data, text);
      invocation.sink.head(101, [], null, false);
    },
    async (echo) => {
      const socket = new WebSocket(`wss://127.0.0.1:${echo.port}/a`, {
        rejectUnauthorized: false,
        headers: { host: 'shop.example' },
      });
      await once(socket, 'open');
      socket.send('hello');
      const [data] = (await once(socket, 'message')) as [Buffer];
      assert.equal(data.toString(), 'hello');
      assert.match(echo.invocations[0]?.request.url ?? '', /^https:\/\/shop\.example\/a$/);
      socket.terminate();
    },
    { transport },
  );
});

test('keep-alive over TLS ends at a drain with nothing lost', async () => {
  const draining = await startGateway(answers('ok'), { transport });
  const answered = new Promise((resolve, reject) => {
    request(
      {
        port: draining.port,
        host: '127.0.0.1',
        path: '/a',
        headers: { host: 'shop.example' },
        rejectUnauthorized: false,
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      },
    )
      .on('error', reject)
      .end();
  });
  await draining.invocation(0);
  await draining.gateway.close(2000);
  assert.equal(await answered, 200);
  assert.equal(draining.gateway.stats().connections, 0);
});
