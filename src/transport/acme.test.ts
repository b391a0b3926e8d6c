import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { LIMITS } from '../contract/index.ts';
import { AcmeChallenges } from './acme-challenges.ts';
import { startAcme } from './acme.fixture.ts';
import type { AcmeDouble } from './acme.fixture.ts';
import { AcmeCertificates } from './acme.ts';
import type { AcmeOptions } from './acme.ts';
import { Entrance } from './entrance.ts';
import type { Finding } from './port.ts';

const DAY_MS = 24 * 3600 * 1000;
let acme: AcmeDouble;
let challenges: AcmeChallenges;
let port = 0;
let nowMs = Date.now();

before(async () => {
  challenges = new AcmeChallenges(['shop.example.com']);
  port = await challenges.listen({ host: '127.0.0.1', port: 0 });
  acme = await startAcme(() => port);
});

after(async () => {
  challenges.close();
  await acme.close();
});

function options(
  kept = new Map<string, string>(),
): AcmeOptions & { findings: Finding[]; kept: Map<string, string> } {
  const findings: Finding[] = [];
  return {
    directoryUrl: acme.directoryUrl,
    names: ['shop.example.com'],
    email: null,
    keeper: {
      read: (name) => Promise.resolve(kept.get(name) ?? null),
      write: (name, text) => Promise.resolve(void kept.set(name, text)),
    },
    challenges,
    clock: { now: () => nowMs, monotonic: () => performance.now() },
    onFinding: (finding) => findings.push(finding),
    findings,
    kept,
  };
}

test('a certificate is obtained once, kept, and taken up by the next start with the same account', async () => {
  const first = options();
  const opened = await AcmeCertificates.open(first);
  assert.ok(opened.certificates.pairs[0]?.leaf.checkHost('shop.example.com'));
  opened.close();
  const before = [acme.issued, acme.accounts];
  const again = await AcmeCertificates.open(options(first.kept));
  assert.deepEqual([acme.issued, acme.accounts], before);
  again.close();
});

test('it is renewed when two thirds of its life are over; a failure is a finding, backs off and keeps the last one', async () => {
  const given = options();
  const opened = await AcmeCertificates.open(given);
  const pair = opened.certificates.pairs[0];
  try {
    nowMs = Date.now() + 59 * DAY_MS;
    assert.equal(await opened.renew(), false);
    nowMs = Date.now() + 61 * DAY_MS;
    acme.refuses = true;
    assert.equal(await opened.renew(), false);
    assert.equal(await opened.renew(), false);
    assert.deepEqual(
      given.findings.map(({ code }) => code),
      ['CORDON_ACME_FAILED'],
    );
    assert.equal(opened.certificates.pairs[0], pair);
    acme.refuses = false;
    acme.lifeMs = 200 * DAY_MS;
    nowMs += 2 * 3600 * 1000;
    assert.equal(await opened.renew(), true);
    assert.notEqual(opened.certificates.pairs[0], pair);
  } finally {
    acme.refuses = false;
    acme.lifeMs = 90 * DAY_MS;
    nowMs = Date.now();
    opened.close();
  }
});

test('without a certificate of before, an ACME server that refuses is an error of the start', async () => {
  acme.refuses = true;
  await assert.rejects(AcmeCertificates.open(options()), { code: 'CORDON_ACME_FAILED' });
  acme.refuses = false;
});

test('a directory without TLS elsewhere, and names that are none or too many, are refused', async () => {
  const names = Array.from({ length: LIMITS.acmeNamesMax.value + 1 }, (_, i) => `a${i}.example.com`);
  for (const wrong of [
    { directoryUrl: 'http://acme.example.com/' },
    { directoryUrl: 'x' },
    { names: [] },
    { names: ['*.example.com'] },
    { names: ['localhost'] },
    { names },
  ]) {
    await assert.rejects(AcmeCertificates.open({ ...options(), ...wrong }), { code: 'CORDON_USAGE' });
  }
});

test('as many names as allowed are on one certificate', async () => {
  const names = Array.from({ length: LIMITS.acmeNamesMax.value }, (_, i) => `a${i}.example.com`);
  const opened = await AcmeCertificates.open({ ...options(), names });
  assert.ok(names.every((name) => opened.certificates.pairs[0]?.leaf.checkHost(name)));
  opened.close();
});

test('names are proved by handshakes on the port of TLS too, while callers are served', async () => {
  const opened = await AcmeCertificates.open({ ...options(), challenges: null });
  const entrance = new Entrance({
    tls: { certificates: opened.certificates, wantsClientCertificates: () => false },
    proxy: null,
  });
  const server = createServer((socket) => {
    entrance.secure(socket, (result) => {
      if (result.ok) result.socket.end('served');
      else socket.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const before = port;
  ({ port } = server.address() as AddressInfo);
  try {
    const shown = async (ALPNProtocols: string[]): Promise<string> => {
      const given = { port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false };
      const socket = connect({ ...given, ALPNProtocols });
      await once(socket, 'secureConnect');
      const { issuer } = socket.getPeerX509Certificate() ?? { issuer: '' };
      socket.destroy();
      return issuer;
    };
    assert.equal(await shown(['h2']), 'CN=shop.example.com');
    assert.equal(await opened.renew(), true);
    assert.equal(await shown(['h2']), 'CN=acme.example');
    // Nothing is to be proved any more.
    await assert.rejects(shown(['acme-tls/1']));
  } finally {
    port = before;
    opened.close();
    server.close();
  }
});

test('the challenge port answers its tokens, sends callers of its names to https, and serves nothing else', async () => {
  challenges.add('token', 'answer');
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init });
  assert.equal(await (await ask('/.well-known/acme-challenge/token')).text(), 'answer');
  assert.equal((await ask('/.well-known/acme-challenge/other')).status, 404);
  assert.equal((await ask('/.well-known/acme-challenge/token', { method: 'POST' })).status, 404);
  challenges.remove('token');
  assert.equal((await ask('/.well-known/acme-challenge/token')).status, 404);
  const { request } = await import('node:http');
  const redirect = (host: string, path: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      request({ port, host: '127.0.0.1', path, headers: { host } }, (response) => {
        response.resume();
        resolve([response.statusCode, response.headers.location]);
      })
        .on('error', reject)
        .end();
    });
  assert.deepEqual(await redirect('shop.example.com', '/a?b'), [308, 'https://shop.example.com/a?b']);
  assert.deepEqual(await redirect('evil.example.com', '/a'), [404, undefined]);
  assert.deepEqual(await redirect('shop.example.com', '//evil.example.com'), [404, undefined]);
});
