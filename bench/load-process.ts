/** The load generator's process: one order after the other, each a closed loop on every connection or an open loop. */
import { Connection, encodeRequest, type ResponseListener } from './connection.ts';
import { Http2Connection } from './http2-connection.ts';
import type { LoadOrder, LoadResult, OpenOrder, OpenResult } from './load.ts';
import { runOpenLoop } from './open-loop.ts';

/** Latencies that are kept of one round. */
const SAMPLES_MAX = 1_000_000;
const samples = new Float64Array(SAMPLES_MAX);

/** A connection of either protocol. */
interface Sender {
  send(request: Buffer): void;
  close(): void;
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const { variants } = order;
  const requests = (variants ?? [{}]).map((headers) =>
    encodeRequest({ ...order, headers: { ...order.headers, ...headers } }),
  );
  let next = 0;
  /** Null when each variant has been sent once. */
  const nextRequest = (): Buffer | null => {
    const request = requests[variants === undefined ? 0 : next] ?? null;
    next += 1;
    return request;
  };
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  let count = 0;
  let stopping = false;
  let open = order.connections;

  const starts: (() => void)[] = [];
  const connections: Sender[] = [];
  for (let index = 0; index < order.connections; index += 1) {
    let sentAt = 0;
    const listener: ResponseListener = {
      first: () => undefined,
      end: (status) => {
        if (status !== 200) {
          reject(new Error(`status ${status}`));
          return;
        }
        const now = performance.now();
        if (count < SAMPLES_MAX) samples[count] = now - sentAt;
        count += 1;
        const request = stopping ? null : nextRequest();
        if (request === null) {
          open -= 1;
          if (open === 0) resolve();
          return;
        }
        sentAt = now;
        connection.send(request);
      },
      failed: reject,
    };
    const connection: Sender = order.http2
      ? await Http2Connection.open(order, listener)
      : await Connection.open(order.port, listener, order.tls);
    connections.push(connection);
    starts.push(() => {
      const request = nextRequest();
      if (request === null) throw new Error('There are fewer variants than connections.');
      sentAt = performance.now();
      connection.send(request);
    });
  }

  const startedAt = performance.now();
  for (const start of starts) start();
  const timer = setTimeout(() => {
    stopping = true;
  }, order.durationMs);
  let problem: string | null = null;
  try {
    await done;
  } catch (error) {
    problem = (error as Error).message;
  } finally {
    clearTimeout(timer);
    for (const connection of connections) connection.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { requests: count, seconds, latencies: samples.slice(0, Math.min(count, SAMPLES_MAX)), problem };
}

process.on('message', (order: LoadOrder | OpenOrder) => {
  const running: Promise<LoadResult | OpenResult> =
    'requestsPerSecond' in order ? runOpenLoop(order) : run(order);
  void running
    .catch((error: unknown) => ({ problem: (error as Error).message }))
    .then((result) => process.connected && process.send?.(result));
});
