import { builtin } from '../guest-modules.ts';
import type { NodeDuplex } from '../guest-streams.ts';

interface Address {
  readonly transport: 'tcp';
  readonly hostname: string;
  readonly port: number;
}

interface ConnectOptions {
  readonly hostname?: string;
  readonly port: number;
  readonly transport?: string;
  readonly signal?: AbortSignal;
}

interface TlsOptions {
  readonly hostname?: string;
  readonly caCerts?: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly alpnProtocols?: readonly string[];
}

interface Tls {
  connect(
    options: Readonly<Record<string, unknown>>,
  ): NodeDuplex & { readonly alpnProtocol?: string | false };
}

interface Net {
  connect(options: Readonly<Record<string, unknown>>): NodeDuplex;
}

type DenoConnect = (options: ConnectOptions) => Promise<TunnelConnection>;

/** `Deno.connect`, `Deno.connectTls` and `Deno.startTls` over the sockets of `node:net`. */
export function installDenoConnect(): void {
  const { Deno } = globalThis as unknown as { Deno: Record<string, unknown> };
  const native = Deno['connect'] as DenoConnect;
  const connect: DenoConnect = (options) =>
    options.transport === undefined || options.transport === 'tcp' ? open(options) : native(options);
  Deno['connect'] = connect;
  Deno['connectTls'] = async (options: ConnectOptions & TlsOptions) => secure(await open(options), options);
  Deno['startTls'] = (connection: TunnelConnection, options: TlsOptions = {}) => secure(connection, options);
}

async function open({ hostname = '127.0.0.1', port, signal }: ConnectOptions): Promise<TunnelConnection> {
  signal?.throwIfAborted();
  const socket = builtin<Net>('node:net').connect({ host: hostname, port });
  const abort = (): void => void socket.destroy(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  await settled(socket, 'connect').finally(() => signal?.removeEventListener('abort', abort));
  return new TunnelConnection(socket, { transport: 'tcp', hostname, port });
}

async function secure(connection: TunnelConnection, options: TlsOptions): Promise<TunnelConnection> {
  const { hostname = connection.remoteAddr.hostname, caCerts, cert, key, alpnProtocols } = options;
  const socket = builtin<Tls>('node:tls').connect({
    socket: connection.takeSocket(),
    host: hostname,
    ...(caCerts === undefined || caCerts.length === 0 ? {} : { ca: caCerts }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(alpnProtocols === undefined ? {} : { ALPNProtocols: alpnProtocols }),
  });
  await settled(socket, 'secureConnect');
  return new TunnelConnection(socket, connection.remoteAddr, socket.alpnProtocol || null);
}

function settled(socket: NodeDuplex, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The connection was closed.')));
  });
}

/** A `Deno.TcpConn` or `Deno.TlsConn` over a socket of Node. */
class TunnelConnection {
  readonly localAddr: Address = { transport: 'tcp', hostname: '0.0.0.0', port: 0 };
  readonly remoteAddr: Address;
  readonly #socket: NodeDuplex;
  readonly #alpnProtocol: string | null;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(socket: NodeDuplex, remoteAddr: Address, alpnProtocol: string | null = null) {
    this.#socket = socket;
    this.remoteAddr = remoteAddr;
    this.#alpnProtocol = alpnProtocol;
    // Errors come out of reads and writes; without a listener they would end the function.
    socket.on('error', () => undefined);
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        const chunk = await this.#take();
        if (chunk !== null) {
          controller.enqueue(new Uint8Array(chunk));
          return;
        }
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => this.close(),
    });
    return this.#readable;
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream({
      write: (chunk) => this.write(chunk).then(() => undefined),
      close: () => this.closeWrite(),
      abort: () => this.close(),
    });
    return this.#writable;
  }

  /** Null at the end. */
  async read(target: Uint8Array): Promise<number | null> {
    if (this.#rest.byteLength === 0) {
      const chunk = await this.#take();
      if (chunk === null) return null;
      this.#rest = chunk;
    }
    const piece = this.#rest.subarray(0, target.byteLength);
    target.set(piece);
    this.#rest = this.#rest.subarray(piece.byteLength);
    return piece.byteLength;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(new Uint8Array(bytes), (error) => {
        if (error === undefined || error === null) resolve(bytes.byteLength);
        else reject(error);
      });
    });
  }

  closeWrite(): Promise<void> {
    this.#socket.end();
    return Promise.resolve();
  }

  close(): void {
    this.#socket.destroy();
  }

  handshake(): Promise<{ readonly alpnProtocol: string | null }> {
    return Promise.resolve({ alpnProtocol: this.#alpnProtocol });
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  /** For TLS on top, which then reads what comes. */
  takeSocket(): NodeDuplex {
    return this.#socket;
  }

  /** What is there, or the next that comes; null at the end. It never reads ahead. */
  async #take(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#socket.read();
      if (chunk !== null) return chunk;
      if (this.#socket.readableEnded) return null;
      if (this.#socket.destroyed) throw closedError(this.#socket.errored);
      await new Promise<void>((resolve) => {
        const events = ['readable', 'end', 'close'];
        const wake = (): void => {
          for (const event of events) this.#socket.off(event, wake);
          resolve();
        };
        for (const event of events) this.#socket.on(event, wake);
      });
    }
  }
}

function closedError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error('The connection was closed.');
}
