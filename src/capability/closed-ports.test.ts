import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { CordonError } from '../contract/index.ts';
import type { CallHandler } from '../instance/index.ts';
import { createConnectCapability, createFetchCapability } from './index.ts';
import type { CallerContext } from './index.ts';
import { callFetchCapability, contextWith, recordingEvidence } from './fetch/fetch.fixture.ts';

describe('grants that name a port of the platform itself', () => {
  let server: Server;
  let port = 0;
  let reached = 0;

  before(async () => {
    server = createServer((_, response) => response.end('inside'));
    server.on('connection', () => (reached += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  it('open it to no request, and the refusal is recorded', async () => {
    const grants = [
      { to: `http://127.0.0.1:${port}/*`, unsafePrivate: true },
      { to: `http://localhost:${port}/*`, unsafePrivate: true },
    ];
    const evidence = recordingEvidence();
    const secrets = { get: () => Promise.resolve(null) };
    const closed = createFetchCapability({ secrets, evidence, closedPorts: new Set([port]) });
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1']) {
      const { error, denied } = await callFetchCapability(
        closed,
        contextWith(grants),
        `http://${host}:${port}/x`,
      );
      assert.equal(denied, null);
      assert.equal(error?.code, 'CORDON_EGRESS_DENIED', host);
    }
    assert.equal(reached, 0);
    assert.deepEqual(
      evidence.recorded.map(({ reason, detail }) => [reason, detail['range']]),
      Array.from({ length: 3 }, () => ['address', 'loopback']),
    );
    await closed.close();
    const open = createFetchCapability({ secrets, evidence });
    const { body } = await callFetchCapability(open, contextWith(grants), `http://127.0.0.1:${port}/x`);
    assert.equal(body.toString(), 'inside');
    await open.close();
  });

  it('open it to no TCP connection, and the refusal is recorded', async () => {
    const evidence = recordingEvidence();
    const context: CallerContext = {
      ...contextWith([]),
      grants: { ...contextWith([]).grants, connect: [{ to: `127.0.0.1:${port}`, unsafePrivate: true }] },
    };
    const before = reached;
    const dial = (closedPorts: ReadonlySet<number>): Promise<string> =>
      new Promise((resolve) => {
        const args = { host: '127.0.0.1', port };
        const call = { capability: 'connect', binding: '', operation: 'open', args, request: null, hops: 0 };
        const capability = createConnectCapability({ evidence, closedPorts });
        assert.equal(capability.decide(context, call).outcome, 'allow');
        const handler: CallHandler = capability.serve(context, call, {
          head: () => {
            resolve('connected');
            handler.cancel();
          },
          write: () => true,
          end: () => undefined,
          fail: ({ code }: Pick<CordonError, 'code'>) => resolve(code),
          consumed: () => undefined,
        });
      });
    assert.equal(await dial(new Set([port])), 'CORDON_EGRESS_DENIED');
    assert.equal(reached, before);
    assert.deepEqual(
      evidence.recorded.map(({ reason }) => reason),
      ['address'],
    );
    assert.equal(await dial(new Set([port + 1])), 'connected');
  });
});
