import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Evidence, SecurityEvent } from '../evidence/index.ts';
import { UNSEALED } from '../vault/index.ts';
import { Closers } from './closers.ts';
import { openTransport, PLAIN_TRANSPORT } from './open-transport.ts';
import type { OpenTransport, ServerTransport } from './open-transport.ts';

async function open(
  transport: Partial<ServerTransport>,
  host: string,
): Promise<OpenTransport & { events: Omit<SecurityEvent, 'time'>[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-transport-'));
  const events: Omit<SecurityEvent, 'time'>[] = [];
  const closers = new Closers();
  const evidence = {
    record: (event: Omit<SecurityEvent, 'time'>) => events.push(event),
  } as unknown as Evidence;
  const routes = { hasCanary: false, match: () => ({ kind: 'none', allow: [] }) } as never;
  try {
    const surroundings = {
      host,
      folder,
      evidence,
      sealer: UNSEALED,
      closers,
      routes: () => routes,
      apps: () => [],
    };
    return { ...(await openTransport({ ...PLAIN_TRANSPORT, ...transport }, surroundings)), events };
  } finally {
    await closers.close();
    await rm(folder, { recursive: true });
  }
}

test('plain HTTP is served on loopback, and on any other address only where it is said aloud, with an event', async () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    const { scheme, isExposed, events } = await open({}, host);
    assert.deepEqual([scheme, isExposed, events.length], ['http', false, 0]);
  }
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'localhost.example.com', '127.0.0.1.example.com']) {
    await assert.rejects(open({}, host), { code: 'CORDON_PLAINTEXT_REFUSED' });
  }
  const { isExposed, events } = await open({ unsafePlaintext: true }, '0.0.0.0');
  assert.equal(isExposed, true);
  assert.deepEqual([events[0]?.kind, events[0]?.reason], ['platform.unsafe', 'unsafe-plaintext']);
});

test('with TLS each address is served, and files that are not there refuse to start', async () => {
  const made = await open({ tls: { kind: 'development' } }, '0.0.0.0');
  assert.deepEqual([made.scheme, made.isExposed, made.events.length], ['https', false, 0]);
  assert.match(made.authorityFile ?? '', /\/tls\/authority\.pem$/);
  assert.equal(made.options.tls?.wantsClientCertificates(), false);
  const files = [{ certificate: '/nowhere/a.pem', key: '/nowhere/a.key' }];
  await assert.rejects(open({ tls: { kind: 'files', files } }, '127.0.0.1'), {
    code: 'CORDON_TLS_UNREADABLE',
  });
});

test('the PROXY protocol needs a proxy that is trusted', async () => {
  await assert.rejects(open({ proxyProtocol: true }, '127.0.0.1'), { code: 'CORDON_USAGE' });
  const { options } = await open({ proxyProtocol: true, trustedProxies: ['10.0.0.1'] }, '127.0.0.1');
  assert.deepEqual(options.proxy, { trusted: ['10.0.0.1'], header: true });
});
