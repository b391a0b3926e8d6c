import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { CordonError } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { GatewayLimits } from './gateway-limits.ts';

/** What a listener hands on. */
export interface ListenerEvents {
  /** False: the connection is not wanted. */
  connection(socket: Socket): boolean;
  /** The listener itself dropped a connection, as there are too many. */
  dropped(address: string): void;
  request(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void;
  /** A request for a WebSocket; `early` are bytes that followed it. */
  upgrade(message: IncomingMessage, socket: Socket, early: Buffer): void;
  /** What arrived is not HTTP, too large, too slow, or asks for a tunnel. */
  refused(socket: Socket, code: ErrorCode, reason: string): void;
}

const DRAIN_STEP_MS = 25;
const TIMEOUT_CHECKS = 10;

/** The node:http server of a gateway, with nothing left to its defaults that a caller could lean on. */
export class Listener {
  readonly #server: Server;

  constructor(limits: GatewayLimits, events: ListenerEvents) {
    const server = createServer({
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
      noDelay: true,
      // Anything but a WebSocket, as h2c, and one with a body, is answered as if it had not asked (RFC 9110 section 7.8).
      shouldUpgradeCallback: ({ headers, httpVersion }) =>
        httpVersion === '1.1' &&
        headers.upgrade?.toLowerCase() === 'websocket' &&
        headers['transfer-encoding'] === undefined &&
        (headers['content-length'] ?? '0') === '0',
    });
    // Counted by `readRequestHead`: node would drop what is past its own limit without a word.
    server.maxHeadersCount = 0;
    server.maxConnections = limits.connectionsMax;
    server.timeout = 0;
    server.on('connection', (socket) => {
      if (!events.connection(socket)) socket.destroy();
    });
    server.on('drop', (dropped) => events.dropped(dropped?.remoteAddress ?? ''));
    server.on('request', (message, response) => events.request(message, response, false));
    server.on('checkContinue', (message, response) => events.request(message, response, true));
    server.on('checkExpectation', (message, response) => {
      response.shouldKeepAlive = false;
      events.refused(message.socket, 'CORDON_REQUEST_MALFORMED', 'unknown expectation');
    });
    server.on('upgrade', (message, socket, early) => events.upgrade(message, socket as Socket, early));
    server.on('connect', (_message, socket) => {
      events.refused(socket as Socket, 'CORDON_REQUEST_MALFORMED', 'CONNECT');
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      onClientError(error, socket as Socket, events);
    });
    this.#server = server;
  }

  /** Resolves with the port once connections are accepted. Errors: CORDON_PORT_TAKEN, CORDON_ADDRESS_REFUSED. */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const taken = cause.code === 'EADDRINUSE';
        const why = taken ? 'the port is in use' : cause.message;
        const message = `The gateway cannot listen on ${address.host}:${address.port}: ${why}.`;
        reject(new CordonError(taken ? 'CORDON_PORT_TAKEN' : 'CORDON_ADDRESS_REFUSED', message, { cause }));
      });
      server.listen({ host: address.host, port: address.port }, () => {
        resolve({ port: (server.address() as AddressInfo).port });
      });
    });
  }

  /**
   * Accepts no more connections, lets the open ones end, and resolves when all have. Idle ones are closed in
   * steps: what a caller had sent before is served, not reset. Past `drainMs` the rest is destroyed.
   */
  async close(drainMs: number, destroyAll: () => void): Promise<void> {
    const server = this.#server;
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => {
      // http's own `close` resets idle connections at once, with requests that may be on their way.
      NetServer.prototype.close.call(server, () => resolve());
    });
    const sweep = setInterval(() => server.closeIdleConnections(), DRAIN_STEP_MS);
    const deadline = setTimeout(() => {
      server.closeAllConnections();
      destroyAll();
    }, drainMs);
    try {
      await closed;
    } finally {
      clearInterval(sweep);
      clearTimeout(deadline);
      // Stops the interval that checks for timeouts; there is nothing left to close.
      server.close();
    }
  }
}

function onClientError(error: NodeJS.ErrnoException, socket: Socket, events: ListenerEvents): void {
  const code = error.code ?? '';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    events.refused(socket, 'CORDON_REQUEST_TIMEOUT', 'headers took too long');
  else if (code === 'HPE_HEADER_OVERFLOW')
    events.refused(socket, 'CORDON_HEADERS_TOO_LARGE', 'headers too large');
  else if (code.startsWith('HPE_') && code !== 'HPE_CLOSED_CONNECTION') {
    events.refused(socket, 'CORDON_REQUEST_MALFORMED', code);
  } else if (code === 'HPE_CLOSED_CONNECTION') {
    // More bytes after `Connection: close`: the answer to what came before is still owed.
  } else socket.destroy();
}
