/** The load generator's process: a closed loop on each connection, one order after the other. */
import { Connection, encodeRequest } from './connection.ts';
import type { LoadOrder, LoadResult } from './load.ts';

/** Latencies that are kept of one round. */
const SAMPLES_MAX = 1_000_000;
const samples = new Float64Array(SAMPLES_MAX);

async function run(order: LoadOrder): Promise<LoadResult> {
  const request = encodeRequest(order);
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  let count = 0;
  let stopping = false;
  let open = order.connections;

  const starts: (() => void)[] = [];
  const connections: Connection[] = [];
  for (let index = 0; index < order.connections; index += 1) {
    let sentAt = 0;
    const connection = await Connection.open(order.port, {
      first: () => undefined,
      end: (status) => {
        if (status !== 200) {
          reject(new Error(`status ${status}`));
          return;
        }
        const now = performance.now();
        if (count < SAMPLES_MAX) samples[count] = now - sentAt;
        count += 1;
        if (stopping) {
          open -= 1;
          if (open === 0) resolve();
          return;
        }
        sentAt = now;
        connection.send(request);
      },
      failed: reject,
    });
    connections.push(connection);
    starts.push(() => {
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

process.on('message', (order: LoadOrder) => {
  const failed = (error: Error): LoadResult => ({
    requests: 0,
    seconds: 0,
    latencies: new Float64Array(),
    problem: error.message,
  });
  void run(order)
    .catch(failed)
    .then((result) => process.connected && process.send?.(result));
});
