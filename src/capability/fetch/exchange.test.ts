import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Agent } from 'undici';
import { Exchange } from './exchange.ts';

const LARGE = Buffer.alloc(1_000_000, 'abcdefg');

const agent = new Agent({ connections: 1, pipelining: 1 });
const seen: string[] = [];
let answer: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
let connections = 0;
let origin = '';

const server = createServer((request, response) => {
  seen.push(request.url ?? '');
  answer(request, response);
});
server.on('connection', () => (connections += 1));

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  await agent.destroy();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen.length = 0;
  connections = 0;
});

function send(path: string, body: Readable | null = null): Exchange {
  const method = body === null ? 'GET' : 'POST';
  return Exchange.send(agent, { origin, path, method, headers: [], body });
}

interface Taken {
  readonly bytes: Buffer;
  /** Null: the body ended. */
  readonly failure: Error | null;
}

/** Takes all of a body; `slow`: each piece has the next one held back for a turn. */
function takeAll(exchange: Exchange, slow = false): Promise<Taken> {
  const { promise, resolve } = Promise.withResolvers<Taken>();
  const pieces: Buffer[] = [];
  exchange.take({
    data(chunk) {
      pieces.push(chunk);
      if (!slow) return;
      exchange.pause();
      setImmediate(() => exchange.resume());
    },
    end: () => resolve({ bytes: Buffer.concat(pieces), failure: null }),
    fail: (failure) => resolve({ bytes: Buffer.concat(pieces), failure }),
  });
  return promise;
}

test('a body comes whole and in order, however late it is taken and however often it is paused', async () => {
  answer = (_, response) => response.writeHead(200, { 'X-Name': 'Value' }).end(LARGE);
  for (const slow of [false, true]) {
    const exchange = send('/large');
    const head = await exchange.head;
    assert.equal(head.status, 200);
    assert.deepEqual(
      head.fields.find(([name]) => name === 'x-name'),
      ['x-name', 'Value'],
    );
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    assert.deepEqual(await takeAll(exchange, slow), { bytes: LARGE, failure: null });
  }
});

test('what fails before the head fails the head, and after it the body', async () => {
  answer = (request) => request.socket.destroy();
  await assert.rejects(send('/cut').head);
  answer = (request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('some');
    setImmediate(() => request.socket.destroy());
  };
  const exchange = send('/half');
  assert.equal((await exchange.head).status, 200);
  const { bytes, failure } = await takeAll(exchange);
  assert.equal(bytes.toString(), 'some');
  assert.ok(failure instanceof Error);
});

test('what is given up while it waits for a connection fails at once and is never sent', async () => {
  const held = Promise.withResolvers<ServerResponse>();
  answer = (_, response) => held.resolve(response);
  const first = send('/first');
  const response = await held.promise;
  answer = (_, next) => next.end('ok');
  const given = send('/given-up');
  const broken = new Readable({ read() {} });
  const unsent = send('/broken', broken);
  given.cancel(new Error('enough'));
  await assert.rejects(given.head, /enough/);
  broken.destroy(new Error('no more'));
  await assert.rejects(unsent.head, /no more/);
  response.end('ok');
  assert.equal((await takeAll(first)).bytes.toString(), 'ok');
  assert.equal((await takeAll(send('/last'))).bytes.toString(), 'ok');
  assert.deepEqual(seen, ['/first', '/last']);
});

test('a small rest is read away and keeps the connection, and a large one ends it', async () => {
  answer = (request, response) => response.end(request.url === '/large' ? LARGE : 'rest');
  await send('/small').head;
  connections = 0;
  for (let count = 0; count < 3; count += 1) {
    const exchange = send('/small');
    await exchange.head;
    await exchange.dump(4);
  }
  assert.equal(connections, 0);
  const large = send('/large');
  await large.head;
  await large.dump(1000);
  assert.equal((await takeAll(send('/small'))).bytes.toString(), 'rest');
  assert.equal(connections, 1);
});
