import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import test from 'node:test';
import { usePlatform } from './platform.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 128 * MIB;
/** Well below a whole body; what passes through is freed when the collector comes to it. */
const MEMORY_GROWTH_MAX = 96 * MIB;
const platform = usePlatform(['streams', 'chat', 'background']);

/** The most memory that the server's process has ever had, in bytes. */
async function peakMemory(): Promise<number> {
  const status = await readFile(`/proc/${platform().server.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function nextEvent<T>(target: EventTarget, name: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  target.addEventListener(name, (event) => resolve(event as T), { once: true });
  target.addEventListener('error', () => reject(new Error(`error instead of ${name}`)), { once: true });
  return promise;
}

async function openSocket(): Promise<WebSocket> {
  const socket = new WebSocket(`${platform().server.gatewayUrl.replace('http', 'ws')}/chat`);
  socket.binaryType = 'arraybuffer';
  await nextEvent(socket, 'open');
  return socket;
}

test('a body streams both ways at once: each piece is answered before the next is sent', async () => {
  const outgoing = request(`${platform().server.gatewayUrl}/streams/upper`, { method: 'POST' });
  outgoing.write('one');
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const answers: AsyncIterator<Buffer, undefined> = incoming[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const answer = await answers.next();
    return answer.done ? 'END' : answer.value.toString();
  };
  assert.equal(await next(), 'ONE');
  outgoing.write('two');
  assert.equal(await next(), 'TWO');
  outgoing.end('three');
  assert.equal(await next(), 'THREE');
  assert.equal(await next(), 'END');
});

test('server-sent events arrive while they are made', async () => {
  const response = await platform().fetch('/streams/ticks?count=4&every=150');
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const times: number[] = [];
  let text = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    times.push(performance.now());
  }
  assert.equal(text, [1, 2, 3, 4].map((tick) => `event: tick\ndata: ${tick}\n\n`).join(''));
  const spread = (times.at(-1) ?? 0) - (times[0] ?? 0);
  assert.ok(spread > 300, `all of it arrived within ${Math.round(spread)} ms`);
});

test('a reader who leaves ends the stream in the function', async () => {
  const response = await platform().fetch('/streams/ticks?count=100&every=50');
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const lines = await platform().logs('streams', ({ message }) => message.startsWith('reader left'));
  const [, ticks] =
    /reader left after (\d+)/.exec(
      lines.find(({ message }) => message.startsWith('reader'))?.message ?? '',
    ) ?? [];
  assert.ok(Number(ticks) < 100, `${ticks} ticks`);
});

test('a download of 128 MiB arrives whole and is never held whole', async () => {
  const before = await peakMemory();
  const response = await platform().fetch(`/streams/download?bytes=${BODY_BYTES}`);
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  for await (const chunk of body ?? []) bytes += chunk.byteLength;
  assert.equal(bytes, BODY_BYTES);
  const growth = (await peakMemory()) - before;
  assert.ok(growth < MEMORY_GROWTH_MAX, `the server grew by ${Math.round(growth / MIB)} MiB`);
});

test('an upload of 128 MiB arrives whole and is never held whole', async () => {
  const before = await peakMemory();
  const outgoing = request(`${platform().server.gatewayUrl}/streams/count`, { method: 'POST' });
  const piece = Buffer.alloc(MIB, 1);
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  for (let sent = 0; sent < BODY_BYTES / MIB; sent += 1)
    if (!outgoing.write(piece)) await once(outgoing, 'drain');
  outgoing.end();
  const [incoming] = await answered;
  const body = Buffer.concat(await incoming.toArray()).toString();
  assert.deepEqual(JSON.parse(body), { bytes: BODY_BYTES });
  const growth = (await peakMemory()) - before;
  assert.ok(growth < MEMORY_GROWTH_MAX, `the server grew by ${Math.round(growth / MIB)} MiB`);
});

test('a WebSocket answers text and bytes, in order', async () => {
  const socket = await openSocket();
  const received: unknown[] = [];
  const done = new Promise<void>((resolve) => {
    socket.addEventListener('message', (event) => {
      const data: unknown = event.data;
      received.push(data instanceof ArrayBuffer ? new Uint8Array(data).join() : data);
      if (received.length === 3) resolve();
    });
  });
  socket.send('one');
  socket.send(new Uint8Array([0, 255, 10]));
  socket.send('zwei ✓');
  await done;
  assert.deepEqual(received, ['echo: one', '0,255,10', 'echo: zwei ✓']);
  const closed = nextEvent<CloseEvent>(socket, 'close');
  socket.close();
  await closed;
});

test('a WebSocket that the function closes ends with its code and reason', async () => {
  const socket = await openSocket();
  const closed = nextEvent<CloseEvent>(socket, 'close');
  socket.send('bye');
  const { code, reason, wasClean } = await closed;
  assert.deepEqual({ code, reason, wasClean }, { code: 1000, reason: 'bye', wasClean: true });
});

test('a caller that closes a WebSocket is seen by the function', async () => {
  const socket = await openSocket();
  socket.close(4321, 'enough');
  await platform().logs('chat', ({ message }) => message === 'closed with 4321');
});

test('a plain request to a route with a WebSocket gets the answer of the function', async () => {
  const response = await platform().fetch('/chat');
  assert.equal(response.status, 426);
  assert.equal(await response.text(), 'open a WebSocket here\n');
});

test('work that waitUntil was given goes on after the answer, under the same request', async () => {
  const response = await platform().fetch('/background/later?name=report', { method: 'POST' });
  assert.equal(response.status, 202);
  const lines = await platform().logs('background', ({ message }) => message === 'finished report');
  const line = lines.find(({ message }) => message === 'finished report');
  assert.equal(line?.request, response.headers.get('x-request-id'));
});

test('the signal of a request fires when its caller leaves', async () => {
  const controller = new AbortController();
  const left = assert.rejects(
    platform().fetch('/background/patient?name=anna', { signal: controller.signal }),
  );
  await platform().logs('background', ({ message }) => message === 'waiting anna');
  const start = performance.now();
  controller.abort();
  await left;
  await platform().logs('background', ({ message }) => message === 'caller of anna left');
  assert.ok(performance.now() - start < 4000);
});
