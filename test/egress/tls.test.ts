import assert from 'node:assert/strict';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { makeCertificate } from './certificate.fixture.ts';
import { openGuest } from './guest.fixture.ts';
import type { Guest } from './guest.fixture.ts';

const CODE = `
import tls from 'node:tls';
import https from 'node:https';
const read = async (connection) => {
  const buffer = new Uint8Array(64);
  const n = await connection.read(buffer);
  connection.close();
  return new TextDecoder().decode(buffer.subarray(0, n));
};
const cases = {
  async fetch(port) {
    const r = await fetch('https://localhost:' + port + '/', { method: 'POST', body: new Blob(['x'.repeat(300_000)]).stream() });
    return [r.status, (await r.text()).length];
  },
  async https(port) { return new Promise((resolve, reject) => https.get('https://localhost:' + port + '/', (r) => resolve([r.statusCode, r.headers['x-version']])).on('error', reject)); },
  async untrusted(port) { try { await fetch('https://localhost:' + port + '/'); } catch (e) { return e.code; } },
  async tls(port, ca) {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ host: 'localhost', port, ca }, () => socket.write('hello'));
      socket.on('data', (d) => { socket.end(); resolve([String(d), socket.authorized]); }).on('error', reject);
    });
  },
  async tlsUntrusted(port) { return new Promise((resolve) => tls.connect({ host: 'localhost', port }).on('error', (e) => resolve(e.code)).on('secureConnect', () => resolve('trusted'))); },
  async denoTls(port, ca) {
    const connection = await Deno.connectTls({ hostname: 'localhost', port, caCerts: [ca] });
    await connection.write(new TextEncoder().encode('deno'));
    return read(connection);
  },
  async startTls(port, ca) {
    const plain = await Deno.connect({ hostname: 'localhost', port });
    const connection = await Deno.startTls(plain, { hostname: 'localhost', caCerts: [ca] });
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode('streams'));
    const { value } = await connection.readable.getReader().read();
    connection.close();
    return new TextDecoder().decode(value);
  },
};
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    try { return Response.json(await cases[pathname.slice(1)](Number(searchParams.get('port')), env.CA ?? process.env.CA)); }
    catch (e) { return new Response(e.stack + ' ' + e.code, { status: 500 }); }
  },
};`;

describe('TLS from a sandbox', () => {
  const { key, certificate } = makeCertificate();
  const stranger = makeCertificate();
  const servers: Server[] = [];
  let ports: { readonly http2: number; readonly untrusted: number; readonly echo: number };
  let guest: Guest;

  before(async () => {
    const web = (pair: { readonly key: string; readonly cert: string }): Server =>
      createSecureServer(pair, (request, response) => {
        response.setHeader('x-version', request.httpVersion);
        request.pipe(response);
      });
    const echo = createTlsServer({ key, cert: certificate }, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    const [http2, untrusted, echoPort] = await Promise.all(
      [web({ key, cert: certificate }), web({ key: stranger.key, cert: stranger.certificate }), echo].map(
        async (server) => {
          servers.push(server);
          await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
          return (server.address() as AddressInfo).port;
        },
      ),
    );
    ports = { http2: http2 ?? 0, untrusted: untrusted ?? 0, echo: echoPort ?? 0 };
    guest = await openGuest({
      code: CODE,
      ca: [certificate],
      vars: { CA: certificate },
      grants: {
        fetch: [
          { to: `https://localhost:${ports.http2}/*`, methods: ['GET', 'POST'], unsafePrivate: true },
          { to: `https://localhost:${ports.untrusted}/*`, unsafePrivate: true },
        ],
        connect: [{ to: `localhost:${ports.echo}`, unsafePrivate: true }],
      },
    });
  });
  after(async () => {
    await guest.close();
    for (const server of servers) server.close();
  });

  const expectations: Readonly<Record<string, readonly [port: keyof typeof ports, expected: unknown]>> = {
    fetch: ['http2', [200, 300_000]],
    https: ['http2', [200, '2.0']],
    untrusted: ['untrusted', 'CORDON_EGRESS_FAILED'],
    tls: ['echo', ['hello', true]],
    tlsUntrusted: ['echo', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    denoTls: ['echo', 'deno'],
    startTls: ['echo', 'streams'],
  };
  for (const [name, [port, expected]] of Object.entries(expectations)) {
    it(`serves the case ${name}`, async () => {
      const answer = await guest.ask(`/${name}?port=${ports[port]}`);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(JSON.parse(answer.text), expected);
    });
  }
});
