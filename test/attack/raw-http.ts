import { connect } from 'node:net';

const ANSWER_BYTES_MAX = 64 * 1024;

/** What came back on a connection that was written to by hand. */
export interface RawAnswer {
  /** All bytes received, as Latin-1. */
  readonly text: string;
  /** Status codes of the answers, in order. */
  readonly statuses: readonly number[];
  /** True when the server closed the connection. */
  readonly closed: boolean;
  readonly ms: number;
}

export interface RawOptions {
  /** Milliseconds after which this side gives up. Default 1500. */
  readonly waitMs?: number;
}

/** Writes bytes to a port and returns what comes back until the server closes or the time is over. */
export function rawRequest(
  url: string,
  bytes: string | Uint8Array,
  options: RawOptions = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const start = performance.now();
  return new Promise((resolve) => {
    let text = '';
    let closed = false;
    const socket = connect({ host: hostname, port: Number(port) });
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
      resolve({ text, statuses, closed, ms: performance.now() - start });
    };
    const timer = setTimeout(finish, options.waitMs ?? 1500);
    socket.on('data', (chunk: Buffer) => {
      if (text.length < ANSWER_BYTES_MAX) text += chunk.toString('latin1');
    });
    socket.on('end', () => (closed = true));
    socket.on('error', () => (closed = true));
    socket.on('close', () => {
      closed = true;
      finish();
    });
    socket.on('connect', () => {
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    });
  });
}
