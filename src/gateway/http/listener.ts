import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { CordonError } from '../../contract/index.ts';
import type { ErrorCode } from '../../contract/index.ts';
import { plainAddress } from '../../transport/index.ts';
import type { Entrance } from '../../transport/index.ts';
import type { Connection, SocketConnection } from './connection.ts';
import type { Connections } from './connections.ts';
import type { GatewayLimits } from '../gateway-limits.ts';
import { Http2Session } from './http2-session.ts';
import type { IncomingRequest, OutgoingResponse } from './message.ts';
import type { Ticker } from './ticker.ts';

/** What a listener hands on. */
export interface ListenerEvents {
  /** A connection was dropped before it carried a request, as it passed a limit or broke its protocol. */
  dropped(address: string, kind: 'limit.exceeded' | 'request.malformed', detail: string): void;
  request(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    awaitsContinue: boolean,
  ): void;
  /** A request for a WebSocket; `early` are bytes that followed it. */
  upgrade(message: IncomingMessage, socket: Socket, connection: SocketConnection, early: Buffer): void;
  /** What arrived is not HTTP, too large, too slow, or asks for a tunnel. */
  refused(connection: SocketConnection, code: ErrorCode, reason: string): void;
}

/** What a listener works with. */
export interface ListenerParts {
  readonly limits: GatewayLimits;
  readonly ticker: Ticker;
  readonly connections: Connections;
  readonly entrance: Entrance;
}

const DRAIN_STEP_MS = 25;
const TIMEOUT_CHECKS = 10;

/**
 * Where connections come in: the header of a trusted proxy, then TLS, then HTTP/1.1 or HTTP/2 as agreed in
 * the handshake. Each is counted before anything of it is read.
 */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #events: ListenerEvents;
  readonly #acceptor: NetServer;
  readonly #http: Server;
  readonly #sessions = new Set<Http2Session>();
  #draining = false;

  constructor(parts: ListenerParts, events: ListenerEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#http = httpServer(parts, events);
    const acceptor = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    acceptor.maxConnections = parts.limits.connectionsMax;
    acceptor.on('drop', (dropped) => {
      events.dropped(plainAddress(dropped?.remoteAddress ?? ''), 'limit.exceeded', 'connections');
    });
    this.#acceptor = acceptor;
  }

  /** Resolves with the port once connections are accepted. Errors: CORDON_PORT_TAKEN, CORDON_ADDRESS_REFUSED. */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }> {
    const acceptor = this.#acceptor;
    return new Promise((resolve, reject) => {
      acceptor.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === 'EADDRINUSE';
        const why = taken ? 'the port is in use' : cause.message;
        const message = `The gateway cannot listen on ${address.host}:${address.port}: ${why}.`;
        reject(new CordonError(taken ? 'CORDON_PORT_TAKEN' : 'CORDON_ADDRESS_REFUSED', message, { cause }));
      });
      acceptor.listen({ host: address.host, port: address.port }, () => {
        // Connections are handed to it, so it never listens; this is what starts its checks of timeouts.
        this.#http.emit('listening');
        resolve({ port: (acceptor.address() as AddressInfo).port });
      });
    });
  }

  /**
   * Accepts no more connections, lets the open ones end, and resolves when all have. Idle ones are closed in
   * steps: what a caller had sent before is served, not reset. Past `drainMs` the rest is destroyed.
   */
  async close(drainMs: number): Promise<void> {
    const acceptor = this.#acceptor;
    if (!acceptor.listening) return;
    this.#draining = true;
    const closed = new Promise<void>((resolve) => acceptor.close(() => resolve()));
    for (const session of this.#sessions) session.drain();
    const sweep = setInterval(() => this.#http.closeIdleConnections(), DRAIN_STEP_MS);
    const deadline = setTimeout(() => this.#parts.connections.destroyAll(), drainMs);
    try {
      await closed;
    } finally {
      clearInterval(sweep);
      clearTimeout(deadline);
      // Stops the interval that checks for timeouts; there is nothing left to close.
      this.#http.close();
    }
  }

  #accept(socket: Socket): void {
    const { connections, entrance } = this.#parts;
    const peer = plainAddress(socket.remoteAddress ?? '');
    const isTrusted = entrance.trusts(peer);
    const connection = connections.open(socket, isTrusted);
    if (connection === null) {
      this.#drop(socket, peer, 'limit.exceeded', 'connections of one address');
      return;
    }
    if (!isTrusted || !entrance.readsProxyHeader) {
      connection.forwards = isTrusted ? entrance.proxies : null;
      this.#secure(connection);
      return;
    }
    entrance.readProxyHeader(socket, (result) => {
      if (!result.ok) this.#drop(socket, peer, result.kind, result.reason);
      else if (result.address === null) this.#secure(connection);
      else if (connections.readdress(connection, result.address)) this.#secure(connection);
      else this.#drop(socket, result.address, 'limit.exceeded', 'connections of one address');
    });
  }

  #secure(connection: SocketConnection): void {
    const { connections, entrance } = this.#parts;
    if (!entrance.isSecure) {
      this.#http.emit('connection', connection.raw);
      return;
    }
    entrance.secure(connection.raw, (result) => {
      if (!result.ok) {
        this.#drop(connection.raw, connection.address, result.kind, result.reason);
        return;
      }
      connections.secured(connection, result.socket);
      if (result.socket.alpnProtocol === 'h2') this.#openSession(connection, result.socket);
      else this.#http.emit('connection', result.socket);
    });
  }

  #openSession(connection: SocketConnection, socket: TLSSocket): void {
    const session = new Http2Session(connection, socket, this.#parts, {
      request: (...request) => this.#events.request(...request),
      limitExceeded: (address, detail) => this.#events.dropped(address, 'limit.exceeded', detail),
    });
    this.#sessions.add(session);
    connection.raw.on('close', () => this.#sessions.delete(session));
    if (this.#draining) session.drain();
  }

  #drop(socket: Socket, address: string, kind: 'limit.exceeded' | 'request.malformed', detail: string): void {
    socket.destroy();
    this.#events.dropped(address, kind, detail);
  }
}

/** The server of HTTP/1.1, with nothing left to its defaults that a caller could lean on. */
function httpServer({ limits, connections }: ListenerParts, events: ListenerEvents): Server {
  const server = createHttpServer({
    insecureHTTPParser: false,
    // `readRequestHead` asks for exactly one in every version, and answers with an id.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    maxHeaderSize: limits.headersBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    // A body may take long as long as it moves; `bodyIdleTimeoutMs` and the function's time bound it.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.headersTimeoutMs / TIMEOUT_CHECKS)),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Anything but a WebSocket, as h2c, and one with a body, is answered as if it had not asked (RFC 9110 section 7.8).
    shouldUpgradeCallback: ({ headers, httpVersion }) =>
      httpVersion === '1.1' &&
      headers.upgrade?.toLowerCase() === 'websocket' &&
      headers['transfer-encoding'] === undefined &&
      (headers['content-length'] ?? '0') === '0',
  });
  // Counted by `readRequestHead`: node would drop what is past its own limit without a word.
  server.maxHeadersCount = 0;
  server.timeout = 0;
  const refuse = (socket: Socket, code: ErrorCode, reason: string): void => {
    const connection = connections.of(socket);
    if (connection === null) socket.destroy();
    else events.refused(connection, code, reason);
  };
  server.on('request', (message, response) => {
    const connection = connections.of(message.socket);
    if (connection !== null) events.request(message, response, connection, false);
  });
  server.on('checkContinue', (message, response) => {
    const connection = connections.of(message.socket);
    if (connection !== null) events.request(message, response, connection, true);
  });
  server.on('checkExpectation', (message, response) => {
    response.shouldKeepAlive = false;
    refuse(message.socket, 'CORDON_REQUEST_MALFORMED', 'unknown expectation');
  });
  server.on('upgrade', (message, socket, early) => {
    const connection = connections.of(socket as Socket);
    if (connection === null || socket !== message.socket) socket.destroy();
    else events.upgrade(message, socket as Socket, connection, early);
  });
  server.on('connect', (_message, socket) => {
    refuse(socket as Socket, 'CORDON_REQUEST_MALFORMED', 'CONNECT');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    onClientError(error, socket as Socket, refuse);
  });
  return server;
}

function onClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  refuse: (socket: Socket, code: ErrorCode, reason: string) => void,
): void {
  const code = error.code ?? '';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') refuse(socket, 'CORDON_REQUEST_TIMEOUT', 'headers took too long');
  else if (code === 'HPE_HEADER_OVERFLOW') refuse(socket, 'CORDON_HEADERS_TOO_LARGE', 'headers too large');
  else if (code.startsWith('HPE_') && code !== 'HPE_CLOSED_CONNECTION') {
    refuse(socket, 'CORDON_REQUEST_MALFORMED', code);
  } else if (code === 'HPE_CLOSED_CONNECTION') {
    // More bytes after `Connection: close`: the answer to what came before is still owed.
  } else socket.destroy();
}
