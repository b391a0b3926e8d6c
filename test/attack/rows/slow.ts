import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';
import { floodHttp2 } from './http2-floods.ts';

const P99_MS_MAX = 1000;
const SERVER_GROWTH_BYTES_MAX = 128 * 1024 * 1024;
/** Past the time for headers (10 s) and near the pause inside of a body (20 s), with room for the check of it. */
const HEADERS_PATIENCE_MS = 13_000;
const BODY_PATIENCE_MS = 24_000;
const SLOW_CONNECTIONS = 40;
const DRIP_MS = 700;

interface Slow {
  readonly ended: Promise<{ readonly status: number; readonly ms: number }>;
  end(): void;
}

/** Opens a connection that sends a piece now and then, and says when the server ended it. */
function drip(stage: Stage, start: string, piece: string, patienceMs: number): Slow {
  const { hostname, port } = new URL(stage.gateway);
  const begun = performance.now();
  const socket: Socket = connect({ host: hostname, port: Number(port) }, () => socket.write(start));
  let status = 0;
  const timer = setInterval(() => socket.write(piece), DRIP_MS);
  const patience = setTimeout(() => socket.destroy(new Error('patience')), patienceMs);
  socket.on(
    'data',
    (chunk: Buffer) => (status ||= Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1] ?? 0)),
  );
  socket.on('error', () => undefined);
  const ended = new Promise<{ status: number; ms: number }>((resolve) => {
    socket.on('close', () => {
      clearInterval(timer);
      clearTimeout(patience);
      resolve({ status, ms: performance.now() - begun });
    });
  });
  return { ended, end: () => socket.destroy() };
}

async function slowSenders(stage: Stage, verdict: Verdict): Promise<void> {
  const headers = Array.from({ length: SLOW_CONNECTIONS }, () =>
    drip(stage, 'GET /victim/open/d9 HTTP/1.1\r\nHost: a\r\n', 'X-A: b\r\n', HEADERS_PATIENCE_MS),
  );
  const oneByte = Array.from({ length: 10 }, () => drip(stage, 'G', '', HEADERS_PATIENCE_MS));
  const bodies = Array.from({ length: 10 }, () =>
    drip(
      stage,
      'POST /victim/open/d9 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx',
      '',
      BODY_PATIENCE_MS,
    ),
  );
  for (const { status, ms } of await Promise.all([...headers, ...oneByte].map(({ ended }) => ended))) {
    verdict.expect(
      ms < HEADERS_PATIENCE_MS - 100 && [0, 408].includes(status),
      `slow headers: ${status} after ${Math.round(ms)} ms`,
    );
  }
  for (const { status, ms } of await Promise.all(bodies.map(({ ended }) => ended))) {
    verdict.expect(
      ms < BODY_PATIENCE_MS - 100 && [0, 408].includes(status),
      `a body that pauses: ${status} after ${Math.round(ms)} ms`,
    );
  }
}

async function largeHeads(stage: Stage, verdict: Verdict): Promise<void> {
  const head = 'GET /victim/open/d9 HTTP/1.1\r\nHost: a\r\n';
  const cases = {
    '100,000 fields': head + 'a: b\r\n'.repeat(100_000),
    '101 fields': `${head}${'a: b\r\n'.repeat(101)}\r\n`,
    'a field of 1 MiB': `${head}a: ${'b'.repeat(2 ** 20)}\r\n\r\n`,
    'a name of 64 KiB': `${head}${'a'.repeat(2 ** 16)}: b\r\n\r\n`,
    'a target of 1 MiB': `GET /victim/open/${'a'.repeat(2 ** 20)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    'a target past 8 KiB': `GET /victim/open/${'a'.repeat(8192)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    '1,000 cookies': `${head}${'cookie: a=b\r\n'.repeat(1000)}\r\n`,
  };
  for (const [name, bytes] of Object.entries(cases)) {
    const { statuses, closed } = await stage.raw(bytes, { waitMs: 4000 });
    verdict.expect(
      closed && (statuses.length === 0 || [400, 414, 431].includes(statuses[0] ?? 0)),
      `${name}: ${statuses.join()}${closed ? '' : ', open'}`,
    );
  }
}

async function largeBodies(stage: Stage, verdict: Verdict): Promise<void> {
  const head = 'POST /attacker/sink/sink HTTP/1.1\r\nHost: a\r\n';
  const claimed = await stage.raw(`${head}Content-Length: 1099511627776\r\n\r\nx`, { waitMs: 4000 });
  verdict.expect(
    claimed.statuses[0] === 413 && claimed.closed,
    `a claim of 1 TiB: ${claimed.statuses.join()}`,
  );
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  const chunked = await stage.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(64)}`, {
    waitMs: 6000,
  });
  verdict.expect(
    chunked.closed && (chunked.statuses.length === 0 || chunked.statuses[0] === 413),
    `4 MiB in chunks: ${chunked.statuses.join()}`,
  );
  const extension = `1;${'e'.repeat(200_000)}\r\nx\r\n`;
  const extended = await stage.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${extension}`, { waitMs: 4000 });
  verdict.expect(
    extended.closed &&
      (extended.statuses.length === 0 || [400, 413, 431].includes(extended.statuses[0] ?? 0)),
    `a chunk extension of 200 KB: ${extended.statuses.join()}`,
  );
  const trailers = await stage.raw(
    `${head}Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(20_000)}\r\n`,
    { waitMs: 4000 },
  );
  verdict.expect(
    trailers.closed &&
      (trailers.statuses.length === 0 || [400, 413, 431].includes(trailers.statuses[0] ?? 0)),
    `20,000 trailers: ${trailers.statuses.join()}`,
  );
}

/** Callers that ask for much and read nothing. Returns what ends them. */
function slowReaders(stage: Stage): () => void {
  const { hostname, port } = new URL(stage.gateway);
  const sockets = Array.from({ length: 20 }, () => {
    const socket: Socket = connect({ host: hostname, port: Number(port) }, () =>
      socket.write('GET /attacker/stream/large HTTP/1.1\r\nHost: a\r\n\r\n'),
    );
    socket.on('error', () => undefined);
    return socket.pause();
  });
  const webSockets = Array.from({ length: 5 }, () => {
    const webSocket = new WebSocket(`${stage.gateway.replace('http', 'ws')}/attacker/stream/socket`);
    webSocket.on('error', () => undefined);
    webSocket.on('open', () => webSocket.pause());
    return webSocket;
  });
  return () => {
    for (const socket of sockets) socket.destroy();
    for (const webSocket of webSockets) webSocket.terminate();
  };
}

const slowAndLarge: Row = {
  id: 'D9',
  title: 'slowloris, 100,000 headers, huge bodies, readers that do not read, floods of HTTP/2',
  event: null,
  async attack(stage, verdict) {
    const memory = stage.serverMemoryBytes();
    const { born, hits } = await stage.victimHits();
    const endReaders = slowReaders(stage);
    let peak = 0;
    const sampling = setInterval(() => (peak = Math.max(peak, stage.serverMemoryBytes() - memory)), 100);
    // Whoever is not called is retired, and what it counted with it.
    const keeping = setInterval(() => void stage.victimHits().catch(() => undefined), 1000);
    const watch = await stage
      .watch(async () => {
        await Promise.all([
          slowSenders(stage, verdict),
          floodHttp2(stage, verdict),
          (async () => {
            await largeHeads(stage, verdict);
            await largeBodies(stage, verdict);
          })(),
        ]);
      })
      .finally(() => {
        clearInterval(sampling);
        clearInterval(keeping);
        endReaders();
      });
    verdict.unharmed(watch.failed === 0, `${watch.failed} of ${watch.calls} calls of another caller failed`);
    verdict.unharmed(watch.p99Ms < P99_MS_MAX, `the p99 of another caller was ${watch.p99Ms} ms`);
    verdict.unharmed(peak < SERVER_GROWTH_BYTES_MAX, `the server grew by ${Math.round(peak / 2 ** 20)} MiB`);
    const after = await stage.victimHits();
    verdict.unharmed(after.born === born, 'the function lost its instance');
    const reached = after.hits.slice(hits.length);
    verdict.unharmed(reached.length === 0, `${reached.length} requests reached the function`);
    verdict.note(
      `another caller: p99 ${watch.p99Ms} ms, worst ${watch.worstMs} ms of ${watch.calls}; server at most +${Math.round(peak / 2 ** 20)} MiB`,
    );
  },
  async twin(stage) {
    const headers = Object.fromEntries(
      Array.from({ length: 80 }, (_, index) => [`x-${index}`, 'y'.repeat(200)]),
    );
    const many = await stage.call('/victim/open/d9', { headers });
    if (many.status !== 200) throw new Error(`80 headers: ${many.status}`);
    const body = await stage.call('/attacker/sink/sink', { method: 'POST', body: new Uint8Array(2 ** 20) });
    if (body.text !== String(2 ** 20)) throw new Error(`a body of 1 MiB: ${body.status} ${body.text}`);
    const large = await fetch(`${stage.gateway}/attacker/stream/large`);
    if ((await large.arrayBuffer()).byteLength !== 512 * 256 * 1024)
      throw new Error('a large answer does not arrive whole');
  },
};

export const SLOW_ROWS: readonly Row[] = [slowAndLarge];
