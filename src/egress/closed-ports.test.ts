import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Agent, request } from 'undici';
import { Guard, dialTcp, guardedConnector, judgeAddress } from './index.ts';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'inside.example': ['127.0.0.1'],
  'mixed.example': ['10.255.255.1', '127.0.0.1'],
};
const HOSTS = ['127.0.0.1', '127.9.9.9', '[::1]', 'inside.example', 'mixed.example'];

/** A service of this machine that counts who connects. */
class Service {
  connections = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((_, response) => response.end('served'));
    this.#server.on('connection', () => (this.connections += 1));
  }

  static async open(): Promise<Service> {
    const service = new Service();
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe('ports that the platform listens on itself', () => {
  let own: Service;
  let other: Service;
  let guard: Guard;
  let agent: Agent;
  const closedPorts = new Set<number>();

  before(async () => {
    own = await Service.open();
    other = await Service.open();
    const resolver = { resolve: (name: string) => Promise.resolve(NAMES[name] ?? []) };
    guard = new Guard({ resolver, unsafePrivate: true, closedPorts });
    agent = new Agent({ connect: guardedConnector(guard, { connectTimeoutMs: 5000 }) });
    // As in a server: they become known when it listens, after the guards were made.
    closedPorts.add(own.port);
  });

  after(async () => {
    await agent.destroy();
    own.close();
    other.close();
  });

  it('are reached by no request, whatever the grant opens, and no connection is made', async () => {
    for (const host of HOSTS) {
      const sent = request(`http://${host}:${own.port}/`, { dispatcher: agent });
      await assert.rejects(sent, { code: 'CORDON_EGRESS_DENIED' }, host);
    }
    assert.equal(own.connections, 0);
    const { body } = await request(`http://127.0.0.1:${other.port}/`, { dispatcher: agent });
    assert.equal(await body.text(), 'served');
    const named = await request(`http://inside.example:${other.port}/`, { dispatcher: agent });
    assert.equal(await named.body.text(), 'served');
  });

  it('are reached by no TCP connection, whatever the grant opens', async () => {
    const { signal } = new AbortController();
    const connections = own.connections;
    for (const hostname of HOSTS) {
      const dialled = dialTcp(guard, { hostname, port: own.port }, signal);
      await assert.rejects(dialled, { code: 'CORDON_EGRESS_DENIED' }, hostname);
    }
    assert.equal(own.connections, connections);
    const socket = await dialTcp(guard, { hostname: 'inside.example', port: other.port }, signal);
    socket.destroy();
  });

  it('are closed on this machine alone', () => {
    assert.deepEqual(judgeAddress('10.0.0.1', true, false), { allowed: true });
    assert.deepEqual(judgeAddress('127.0.0.1', true, false), { allowed: false, range: 'loopback' });
    assert.deepEqual(judgeAddress('::1', true, false), { allowed: false, range: 'loopback' });
    assert.deepEqual(judgeAddress('10.0.0.1', false, false), { allowed: false, range: 'private' });
    assert.deepEqual(judgeAddress('1.1.1.1', false, false), { allowed: true });
  });
});
