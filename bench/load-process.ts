/** The load generator's process: one order after the other, each a closed loop on every connection or an open loop. */
import { Connection, encodeRequest, type ResponseListener } from './connection.ts';
import { Http2Connection } from './http2-connection.ts';
import type { LoadOrder, LoadResult, OpenOrder, OpenResult } from './load.ts';
import { runOpenLoop } from './open-loop.ts';
import { cpuMicrosOf } from './processes.ts';

/** Latencies that are kept of one round. */
const SAMPLES_MAX = 1_000_000;
const samples = new Float64Array(SAMPLES_MAX);

/** A connection of either protocol. */
interface Sender {
  send(request: Buffer): void;
  close(): void;
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const { pids = [], status: wanted = 200, retryStatus = null } = order;
  const nextRequest = requestsOf(order);
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  let count = 0;
  let retried = 0;
  let stopping = false;
  let open = order.connections;

  const starts: (() => void)[] = [];
  const connections: Sender[] = [];
  const connect = connector(order);
  for (let index = 0; index < order.connections; index += 1) {
    let sentAt = 0;
    let current: Buffer | null = null;
    const listener: ResponseListener = {
      first: () => undefined,
      end: (status) => {
        if (status === retryStatus && current !== null) {
          retried += 1;
          connection.send(current);
          return;
        }
        if (status !== wanted) {
          reject(new Error(`status ${status}`));
          return;
        }
        const now = performance.now();
        if (count < SAMPLES_MAX) samples[count] = now - sentAt;
        count += 1;
        const request = stopping ? null : nextRequest();
        if (request !== null) return send(request, now);
        open -= 1;
        if (open === 0) resolve();
      },
      failed: reject,
    };
    const connection = await connect(listener, index);
    const send = (request: Buffer, at: number): void => {
      sentAt = at;
      current = request;
      connection.send(request);
    };
    connections.push(connection);
    starts.push(() => {
      const request = nextRequest();
      if (request === null) throw new Error('There are fewer variants than connections.');
      send(request, performance.now());
    });
  }

  const cpuBefore = cpuMicrosOf(pids);
  const startedAt = performance.now();
  for (const start of starts) start();
  const timer = setTimeout(() => {
    stopping = true;
  }, order.durationMs);
  let problem: string | null = null;
  let cpuMicros = 0;
  try {
    await done;
    cpuMicros = cpuMicrosOf(pids) - cpuBefore;
  } catch (error) {
    problem = (error as Error).message;
  } finally {
    clearTimeout(timer);
    for (const connection of connections) connection.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const latencies = samples.slice(0, Math.min(count, SAMPLES_MAX));
  return { requests: count, retried, seconds, latencies, cpuMicros, problem };
}

/** Gives the next request each time; null when each variant has been sent once. */
function requestsOf(order: LoadOrder): () => Buffer | null {
  const { variants } = order;
  const requests = (variants ?? [{}]).map((variant) =>
    encodeRequest({ ...order, ...variant, headers: { ...order.headers, ...variant.headers } }),
  );
  let next = 0;
  return () => {
    const request = requests[variants === undefined ? 0 : next] ?? null;
    next += 1;
    return request;
  };
}

/** Opens one connection after the other, those of HTTP/2 as streams of as few sessions as the order says. */
function connector(order: LoadOrder): (listener: ResponseListener, index: number) => Promise<Sender> {
  const { port, tls, streamsPerSession } = order;
  let session: Http2Connection | null = null;
  return async (listener, index) => {
    if (streamsPerSession === undefined) return Connection.open(port, listener, tls);
    session = await Http2Connection.open(order, listener, index % streamsPerSession === 0 ? null : session);
    return session;
  };
}

process.on('message', (order: LoadOrder | OpenOrder) => {
  const running: Promise<LoadResult | OpenResult> =
    'requestsPerSecond' in order ? runOpenLoop(order) : run(order);
  void running
    .catch((error: unknown) => ({ problem: (error as Error).message }))
    .then((result) => process.connected && process.send?.(result));
});
