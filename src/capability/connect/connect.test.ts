import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import type { CallFailure, CallHandler, GuestCall } from '../../instance/index.ts';
import { NO_GRANTS } from '../../manifest/index.ts';
import type { ConnectGrant } from '../../manifest/index.ts';
import { recordingEvidence } from '../fetch/fetch.fixture.ts';
import type { CallerContext } from '../port.ts';
import { createConnectCapability } from './index.ts';

const evidence = recordingEvidence();
const capability = createConnectCapability({ evidence });
const sockets = new Set<Socket>();
let server: Server;
let port = 0;

before(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

function contextWith(connect: readonly ConnectGrant[]): CallerContext {
  const grants = { ...NO_GRANTS, connect };
  return { project: 'default', app: 'app', function: 'code', deployment: 'd', instance: 'ins_1', grants };
}

function granted(): CallerContext {
  return contextWith([{ to: `127.0.0.1:${port}`, unsafePrivate: true }]);
}

function callTo(host: string, to = port): GuestCall {
  return {
    capability: 'connect',
    binding: '',
    operation: 'open',
    args: { host, port: to },
    request: null,
    hops: 0,
  };
}

interface Connection {
  readonly handler: CallHandler;
  /** Null once it stands, otherwise why it does not. */
  readonly outcome: Promise<CallFailure | null>;
}

function connect(context: CallerContext, call = callTo('127.0.0.1')): Connection {
  const { promise: outcome, resolve } = Promise.withResolvers<CallFailure | null>();
  const handler = capability.serve(context, call, {
    head: () => resolve(null),
    write: () => true,
    end: () => undefined,
    fail: resolve,
    consumed: () => undefined,
  });
  return { handler, outcome };
}

test('a connection goes to the host and port that are granted, and to no other', () => {
  const context = granted();
  assert.equal(capability.decide(context, callTo('127.0.0.1')).outcome, 'allow');
  for (const call of [
    callTo('127.0.0.2'),
    callTo('127.0.0.1', port + 1),
    callTo('localhost'),
    callTo('[::1]'),
  ])
    assert.equal(capability.decide(context, call).rule, 'connect.destination');
  for (const call of [callTo(''), callTo('127.0.0.1', 0), callTo('127.0.0.1', 65_536), callTo('a b')])
    assert.equal(capability.decide(context, call).rule, 'connect.arguments');
});

test('a private address is refused and recorded where the grant does not open it', async () => {
  const context = contextWith([{ to: `127.0.0.1:${port}` }]);
  assert.equal((await connect(context).outcome)?.code, 'CORDON_EGRESS_DENIED');
  assert.equal(evidence.recorded.at(-1)?.reason, 'address');
});

test('one instance has as many connections as its limit, not one more, and room again when one ends', async () => {
  const context = granted();
  const max = LIMITS.egressConnectionsPerInstanceMax.value;
  const open = Array.from({ length: max }, () => connect(context));
  const failures = (await Promise.all(open.map(({ outcome }) => outcome))).filter(
    (failure) => failure !== null,
  );
  assert.deepEqual(failures, []);
  assert.equal((await connect(context).outcome)?.code, 'CORDON_EGRESS_TOO_MANY');
  assert.equal(await connect(granted()).outcome, null, 'another instance has its own count');
  open[0]?.handler.cancel();
  assert.equal(await connect(context).outcome, null);
  assert.equal((await connect(context).outcome)?.code, 'CORDON_EGRESS_TOO_MANY');
});
