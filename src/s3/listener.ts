import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { CordonError, LIMITS } from '../contract/index.ts';
import { Entrance, plainAddress } from '../transport/index.ts';
import type { TransportOptions } from '../transport/index.ts';
import type { Received } from './exchange.ts';

/** What a listener hands on. */
export interface ListenerEvents {
  request(received: Received): void;
  /** A connection was ended before, or instead of, a request. */
  dropped(address: string, kind: 'limit.exceeded' | 'request.malformed', reason: string): void;
}

const TIMEOUT_CHECKS = 10;

/** Where connections to the S3 endpoint come in: TLS where it is configured, then HTTP/1.1. Each is counted before anything of it is read. */
export class S3Listener {
  readonly #events: ListenerEvents;
  readonly #entrance: Entrance;
  readonly #acceptor: NetServer;
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  constructor(
    { tls, connectionsMax }: { readonly tls: TransportOptions['tls']; readonly connectionsMax: number },
    events: ListenerEvents,
  ) {
    this.#events = events;
    this.#entrance = new Entrance({ tls, proxy: null, protocols: ['http/1.1'] });
    this.#http = httpServer(events);
    this.#acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#acceptor.maxConnections = connectionsMax;
    this.#acceptor.on('drop', (dropped) => {
      events.dropped(plainAddress(dropped?.remoteAddress ?? ''), 'limit.exceeded', 'connections');
    });
  }

  /** Errors: CORDON_PORT_TAKEN, CORDON_ADDRESS_REFUSED. */
  listen({
    host,
    port,
  }: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number }> {
    const acceptor = this.#acceptor;
    return new Promise((resolve, reject) => {
      acceptor.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === 'EADDRINUSE';
        const message = `The S3 endpoint cannot listen on ${host}:${port}: ${taken ? 'the port is in use' : cause.message}.`;
        reject(new CordonError(taken ? 'CORDON_PORT_TAKEN' : 'CORDON_ADDRESS_REFUSED', message, { cause }));
      });
      acceptor.listen({ host, port }, () => {
        // Connections are handed to it, so it never listens; this is what starts its checks of timeouts.
        this.#http.emit('listening');
        resolve({ port: (acceptor.address() as AddressInfo).port });
      });
    });
  }

  /** Accepts no more connections and resolves when all have ended; past `drainTimeoutMs` the rest is cut. */
  async close(): Promise<void> {
    if (!this.#acceptor.listening) return;
    const closed = new Promise<void>((resolve) => this.#acceptor.close(() => resolve()));
    const sweep = setInterval(() => this.#http.closeIdleConnections(), 25);
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, LIMITS.drainTimeoutMs.value);
    this.#http.closeIdleConnections();
    await closed;
    clearInterval(sweep);
    clearTimeout(deadline);
    // Stops the interval that checks for timeouts; there is nothing left to close.
    this.#http.close();
  }

  #accept(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    const open = (this.#byAddress.get(address) ?? 0) + 1;
    if (open > LIMITS.connectionsPerAddressMax.value) {
      socket.destroy();
      this.#events.dropped(address, 'limit.exceeded', 'connections of one address');
      return;
    }
    this.#byAddress.set(address, open);
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    });
    if (!this.#entrance.isSecure) {
      this.#http.emit('connection', socket);
      return;
    }
    this.#entrance.secure(socket, (result) => {
      if (result.ok) {
        this.#http.emit('connection', result.socket);
        return;
      }
      socket.destroy();
      this.#events.dropped(address, result.kind, result.reason);
    });
  }
}

/** The server of HTTP/1.1, with nothing left to its defaults that a caller could lean on. */
function httpServer(events: ListenerEvents): Server {
  const server = createHttpServer({
    insecureHTTPParser: false,
    // What is read of the head asks for exactly one in every version.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    maxHeaderSize: LIMITS.headersBytesMax.value,
    headersTimeout: LIMITS.headersTimeoutMs.value,
    // A body may take long as long as it moves.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(LIMITS.headersTimeoutMs.value / TIMEOUT_CHECKS)),
    keepAliveTimeout: LIMITS.keepAliveTimeoutMs.value,
    shouldUpgradeCallback: () => false,
  });
  // Counted when the head is read: node would drop what is past its own limit without a word.
  server.maxHeadersCount = 0;
  server.timeout = 0;
  server.on('request', (request, response) => events.request({ request, response, awaitsContinue: false }));
  server.on('checkContinue', (request, response) =>
    events.request({ request, response, awaitsContinue: true }),
  );
  server.on('checkExpectation', (_request, response) => {
    response.writeHead(417, { connection: 'close', 'content-length': 0 }).end();
  });
  server.on('connect', (_request, socket) => socket.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const address = plainAddress((socket as Socket).remoteAddress ?? '');
    events.dropped(address, 'request.malformed', error.code ?? 'malformed');
    // An answer may be under way: only a connection without one is answered.
    if (socket.writable && (socket as Socket).bytesWritten === 0)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  });
  return server;
}
