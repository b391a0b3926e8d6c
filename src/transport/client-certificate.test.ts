import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { clientCertificateOf } from './client-certificate.ts';
import type { ShownCertificate } from './client-certificate.ts';
import { Entrance } from './entrance.ts';
import { makeCertificates, makePair } from './transport.fixture.ts';

/** What an entrance sees of a caller that shows this chain and key. */
async function seen(
  asksClient: boolean,
  shown: { cert?: string; key?: string },
): Promise<ShownCertificate | null> {
  const certificates = await makeCertificates(['localhost']);
  const entrance = new Entrance({
    tls: { certificates, wantsClientCertificates: () => asksClient },
    proxy: null,
  });
  const found = Promise.withResolvers<ShownCertificate | null>();
  const server = createServer((socket) => {
    entrance.secure(socket, (result) => {
      if (result.ok) found.resolve(clientCertificateOf(result.socket));
      else found.reject(new Error(result.reason));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...shown });
  client.on('error', () => undefined);
  try {
    return await found.promise;
  } finally {
    client.destroy();
    server.close();
    certificates.close();
    assert.equal(entrance.inFlight, 0);
  }
}

test('a caller that shows a certificate is seen with it, and with what it sends besides', async () => {
  const root = await makePair(['root.example']);
  const middle = await makePair(['middle.example'], { issuer: root });
  const leaf = await makePair(['caller.example'], { issuer: middle });
  const alone = await seen(true, { cert: leaf.certificate, key: leaf.key });
  assert.equal(alone?.leaf.subject, 'CN=caller.example');
  assert.deepEqual(alone?.intermediates, []);
  const more = await seen(true, { cert: leaf.certificate + middle.certificate, key: leaf.key });
  assert.equal(more?.leaf.subject, 'CN=caller.example');
  assert.deepEqual(
    more.intermediates.map(({ subject }) => subject),
    ['CN=middle.example'],
  );
});

test('a caller that shows none, or was not asked for one, is seen with none', async () => {
  const { certificate, key } = await makePair(['caller.example']);
  assert.equal(await seen(true, {}), null);
  assert.equal(await seen(false, { cert: certificate, key }), null);
});
