/** Connections that outlive what their callers may do, against whole servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { WebSocket } from 'ws';
import { type Platform, usePlatform, writeText } from './platform.ts';

/** What "at once" means in SPEC.md for credentials that are withdrawn. */
const CUT_MS = 1000;
const SOURCE = `
export default {
  fetch(request: Request): Response {
    if (request.headers.get('upgrade') === 'websocket') {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener('message', ({ data }) => server.send(data));
      return new Response(null, { status: 101, webSocket: client });
    }
    let timer = 0;
    const body = new ReadableStream({
      start(controller) {
        timer = setInterval(() => controller.enqueue(new TextEncoder().encode('data: tick\\n\\n')), 50);
      },
      cancel: () => clearInterval(timer),
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  },
};`;
const route = (path: string, more: object = {}): object => ({
  path,
  methods: ['GET'],
  auth: { apiKey: 'partners' },
  ...more,
});
const MANIFEST = {
  name: 'live',
  auth: { apiKey: { partners: {} } },
  functions: {
    main: {
      entry: 'src/main.ts',
      routes: [route('/live'), route('/two', { concurrency: '2 per key' })],
      limits: { time: '5m', concurrency: 100 },
    },
  },
};

const platform = usePlatform([], [], async (started: Platform) => {
  const folder = join(started.home.folder, 'live');
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(MANIFEST));
  await writeText(join(folder, 'src/main.ts'), SOURCE);
  await started.deploy(folder);
});

async function newKey(): Promise<{ id: string; key: string }> {
  const [made] = await platform().home.json(
    ...['key', 'create', '--app', 'live', '--auth', 'partners', '--name', 'acme'],
  );
  return made as { id: string; key: string };
}

/** A key that ends sooner than the command line can say. */
async function shortKey(lifeMs: number): Promise<string> {
  const file = join(platform().home.folder, 'config/cordon/credentials.json');
  const { url, token } = JSON.parse(await readFile(file, 'utf8')) as { url: string; token: string };
  const expiresAt = Date.now() + lifeMs;
  const wanted = { app: 'live', auth: 'partners', name: 'short', scopes: [], expiresAt };
  const made = await fetch(new URL('/v1/api-keys', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(wanted),
  });
  return ((await made.json()) as { key: string }).key;
}

const headersOf = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

function webSocketOf(key: string, path = '/live'): WebSocket {
  const url = `${platform().server.gatewayUrl.replace('http', 'ws')}${path}`;
  return new WebSocket(url, { headers: headersOf(key) });
}

/** Status that a handshake is refused with. */
async function refusalOf(webSocket: WebSocket): Promise<number> {
  webSocket.on('error', () => undefined);
  const [, response] = (await once(webSocket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; destroy(): void },
  ];
  response.destroy();
  return response.statusCode;
}

test('a stream and a WebSocket end within a second of the revocation of their key, and others go on', async () => {
  const [revoked, kept] = [await newKey(), await newKey()];
  const stream = await platform().fetch('/live', { headers: headersOf(revoked.key) });
  const reader = stream.body?.getReader();
  assert.equal((await reader?.read())?.done, false);
  const webSocket = webSocketOf(revoked.key);
  await once(webSocket, 'open');
  const other = webSocketOf(kept.key);
  await once(other, 'open');

  const cut = (async () => {
    for (;;) if ((await reader?.read())?.done !== false) return 'a complete answer';
  })().catch(() => 'cut');
  const closed = once(webSocket, 'close') as Promise<[number]>;
  await platform().home.json('key', 'revoke', revoked.id);
  const told = performance.now();
  assert.equal(await cut, 'cut');
  assert.equal((await closed)[0], 1008);
  assert.ok(performance.now() - told < CUT_MS, `${performance.now() - told} ms`);
  assert.equal(await refusalOf(webSocketOf(revoked.key)), 401);

  other.send('still here');
  assert.equal(String(((await once(other, 'message')) as [Buffer])[0]), 'still here');
  other.close();
});

test('a stream ends when its key expires', async () => {
  const key = await shortKey(2000);
  const stream = await platform().fetch('/live', { headers: headersOf(key) });
  assert.equal(stream.status, 200);
  await assert.rejects(stream.text());
  const again = await platform().fetch('/live', { headers: headersOf(key) });
  assert.equal(again.status, 401);
});

test('two WebSockets of one key may be open at once, not three, and one that closes makes room', async () => {
  const [one, another] = [await newKey(), await newKey()];
  const open = [webSocketOf(one.key, '/two'), webSocketOf(one.key, '/two')];
  await Promise.all(open.map((webSocket) => once(webSocket, 'open')));
  assert.equal(await refusalOf(webSocketOf(one.key, '/two')), 429);
  const others = webSocketOf(another.key, '/two');
  await once(others, 'open');
  others.terminate();

  const [first, second] = open;
  first?.close();
  await once(first ?? others, 'close');
  const next = webSocketOf(one.key, '/two');
  await once(next, 'open');
  next.close();
  second?.close();
});
