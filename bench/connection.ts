/** HTTP/1.1 on one kept-alive connection, as cheap as Node.js allows: what is measured is the other side. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const READ_BYTES = 128 * 1024;
const HEAD_BYTES_MAX = 16 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const CHUNKED_END = Buffer.from('0\r\n\r\n');

export interface Target {
  readonly port: number;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  /** Bytes of body to send. */
  readonly bodyBytes: number;
  /** In the place of bytes that mean nothing: a text with its content type. */
  readonly body?: { readonly type: string; readonly text: string };
  /** Fields besides Host and those of the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** True: TLS without a look at the certificate. */
  readonly tls?: boolean;
}

/** The whole request, made once. */
export function encodeRequest(target: Target): Buffer {
  const { type, text } = target.body ?? { type: 'text/plain', text: 'x'.repeat(target.bodyBytes) };
  const fields = { host: `127.0.0.1:${target.port}`, ...target.headers };
  const hasBody = target.method !== 'GET';
  if (hasBody) {
    Object.assign(fields, { 'content-length': String(Buffer.byteLength(text)), 'content-type': type });
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const head = `${target.method} ${target.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  return Buffer.from(hasBody ? head + text : head);
}

/** Called as the answer's first byte and its end arrive. */
export interface ResponseListener {
  first(): void;
  end(status: number): void;
  failed(error: Error): void;
}

/** A connection with at most one request in flight. */
export class Connection {
  readonly #socket: Socket;
  readonly #listener: ResponseListener;
  /** Bytes of a head that has not come whole. */
  #head: Buffer | null = null;
  #status = 0;
  /** Bytes of body to come; null between answers; Infinity when the body is chunked. */
  #left: number | null = null;
  #started = false;

  private constructor(port: number, listener: ResponseListener, tls: boolean) {
    this.#listener = listener;
    this.#socket = tls ? this.#dialTls(port) : this.#dial(port);
    this.#socket.on('error', (error) => listener.failed(error));
    this.#socket.on('close', () => {
      if (this.#started || this.#left !== null)
        listener.failed(new Error('The server closed the connection.'));
    });
  }

  #dial(port: number): Socket {
    return connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (bytes, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes));
          return true;
        },
      },
    });
  }

  #dialTls(port: number): Socket {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    return socket;
  }

  /** Resolves when the connection stands. */
  static async open(port: number, listener: ResponseListener, tls = false): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const connection = new Connection(port, listener, tls);
    const socket = connection.#socket;
    socket.once(tls ? 'secureConnect' : 'connect', resolve);
    socket.once('error', reject);
    await promise;
    socket.off('error', reject);
    return connection;
  }

  send(request: Buffer): void {
    this.#started = true;
    this.#socket.write(request);
  }

  close(): void {
    this.#started = false;
    this.#left = null;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#left === null) this.#readHead(chunk);
    else this.#readBody(chunk);
  }

  #readHead(chunk: Buffer): void {
    if (this.#head === null) this.#listener.first();
    const bytes = this.#head === null ? chunk : Buffer.concat([this.#head, chunk]);
    const end = bytes.indexOf(HEAD_END);
    if (end < 0) {
      // The buffer that was read into is used again.
      this.#head = Buffer.from(bytes);
      if (bytes.length > HEAD_BYTES_MAX)
        this.#listener.failed(new Error('The head of the answer is too long.'));
      return;
    }
    this.#head = null;
    const head = bytes.toString('latin1', 0, end).toLowerCase();
    this.#status = Number(head.slice(9, 12));
    const length = head.indexOf('\r\ncontent-length:');
    this.#left = length < 0 ? Number.POSITIVE_INFINITY : Number.parseInt(head.slice(length + 17), 10);
    this.#readBody(bytes.subarray(end + HEAD_END.length));
  }

  #readBody(chunk: Buffer): void {
    const left = (this.#left ?? 0) - chunk.length;
    // The bodies that are asked for hold no such bytes before their end.
    const chunkedEnd =
      left === Number.POSITIVE_INFINITY && chunk.subarray(-CHUNKED_END.length).equals(CHUNKED_END);
    this.#left = left;
    if (left > 0 && !chunkedEnd) return;
    this.#left = null;
    this.#started = false;
    this.#listener.end(this.#status);
  }
}

/**
 * Sends one request on a connection that stands already. Returns the ms from the write to the first byte of
 * the answer. Throws when the status is another than 200.
 */
export async function timeToFirstByte(target: Target): Promise<number> {
  const [sample] = await timesToFirstByte([target]);
  if (sample === undefined) throw new Error('There is no sample.');
  return sample;
}

/** As `timeToFirstByte`, for many requests that leave at the same time. Connections stand before the first is sent. */
export async function timesToFirstByte(targets: readonly Target[]): Promise<number[]> {
  const pending = targets.map((target) => ({ target, ...Promise.withResolvers<number>(), firstAt: 0 }));
  let sentAt = 0;
  const connections = await Promise.all(
    pending.map((one) =>
      Connection.open(one.target.port, {
        first: () => {
          one.firstAt = performance.now();
        },
        end: (status) => {
          if (status === 200) one.resolve(one.firstAt - sentAt);
          else one.reject(new Error(`${one.target.path} answered ${status}.`));
        },
        failed: one.reject,
      }),
    ),
  );
  const requests = pending.map(({ target }) => encodeRequest(target));
  try {
    sentAt = performance.now();
    for (const [index, connection] of connections.entries())
      connection.send(requests[index] ?? Buffer.alloc(0));
    return await Promise.all(pending.map(({ promise }) => promise));
  } finally {
    for (const connection of connections) connection.close();
  }
}
