import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CordonError, LIMITS, newId, systemClock, toCordonError, type Clock } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { readBody } from './body.ts';
import { EventStream } from './event-stream.ts';
import { bearerToken, loopbackAddress, refuseBrowsers } from './guard.ts';
import { openApiDocument } from './openapi.ts';
import type { OperationContext } from './operation.ts';
import type { ControlServices } from './port.ts';
import { OperationRouter, type Matched } from './routing.ts';
import { OPERATIONS } from './table.ts';
import { verifyToken } from './tokens.ts';
import { answerError, answerJson, answerMessage } from './answer.ts';

export interface ControlServerOptions {
  readonly services: ControlServices;
  /** Holds the tokens. */
  readonly store: Store;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Silence on a log stream before a heartbeat, in ms. Default `controlHeartbeatMs`. */
  readonly heartbeatMs?: number;
}

export interface ControlServer {
  /** Binds a loopback address; port 0 takes a free one. Errors: CORDON_ADDRESS_REFUSED, CORDON_PORT_TAKEN. */
  listen(address: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
  /** Stops accepting, ends streams, and waits for what runs, at most `drainTimeoutMs`. */
  close(): Promise<void>;
}

/** Makes the control API's own listener. It is not bound yet. */
export function createControlServer(options: ControlServerOptions): ControlServer {
  return new HttpControlServer(options);
}

class HttpControlServer implements ControlServer {
  readonly #services: ControlServices;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #router = new OperationRouter(OPERATIONS);
  readonly #streams = new Set<EventStream>();
  readonly #document = openApiDocument();
  readonly #server: Server;

  constructor(options: ControlServerOptions) {
    this.#services = options.services;
    this.#store = options.store;
    this.#clock = options.clock ?? systemClock;
    this.#heartbeatMs = options.heartbeatMs ?? LIMITS.controlHeartbeatMs.value;
    this.#server = createServer(
      {
        maxHeaderSize: LIMITS.headersBytesMax.value,
        headersTimeout: LIMITS.headersTimeoutMs.value,
        requestTimeout: LIMITS.controlBodyTimeoutMs.value,
        keepAliveTimeout: LIMITS.keepAliveTimeoutMs.value,
        joinDuplicateHeaders: false,
        insecureHTTPParser: false,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = LIMITS.controlConnectionsMax.value;
    this.#server.on('clientError', (_error, socket) => this.#malformed(socket as Socket));
  }

  async listen(address: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number }> {
    const host = loopbackAddress(address.host);
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, address.port));
      this.#server.once('error', failed);
      this.#server.listen({ host, port: address.port, exclusive: true }, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    return { port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const stream of this.#streams) stream.end();
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), LIMITS.drainTimeoutMs.value);
    await closed;
    clearTimeout(cut);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let operation: string | null = null;
    try {
      refuseBrowsers(request);
      const matched = await this.#admit(request);
      operation = matched.operation.id;
      await this.#run(matched, request, response);
    } catch (thrown) {
      const error = toCordonError(thrown);
      if (error.code === 'CORDON_CALLER_LEFT' && response.destroyed) return;
      const id = newId('evt');
      this.#record(error, id, operation ?? `${request.method ?? ''} ${request.url?.slice(0, 200) ?? ''}`);
      await answerError(request, response, error, id);
    }
  }

  /** What is not public, existing or not, is only told to those who hold a token. */
  async #admit(request: IncomingMessage): Promise<Matched> {
    const found = attempt(() => this.#router.match(request.method ?? '', request.url ?? ''));
    if (found instanceof CordonError || found.operation.access !== 'public') {
      if (!(await verifyToken(this.#store, bearerToken(request))))
        throw new CordonError('CORDON_TOKEN_REFUSED');
    }
    if (found instanceof CordonError) throw found;
    return found;
  }

  async #run(matched: Matched, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { operation, params, query } = matched;
    const body = await readBody(request, operation);
    const left = new AbortController();
    response.once('close', () => left.abort());
    const context: OperationContext = {
      services: this.#services,
      clock: this.#clock,
      signal: left.signal,
      document: () => this.#document,
    };
    if (operation.streams) {
      this.#stream(matched, context, request, response);
      return;
    }
    if (operation.mediaTypes.length > 0) {
      answerMessage(response, operation.status, await operation.message(context, { params, query, body }));
      return;
    }
    answerJson(response, operation.status, await operation.execute(context, { params, query, body }));
  }

  #stream(
    matched: Matched,
    context: OperationContext,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    if (this.#streams.size >= LIMITS.logStreamsMax.value) {
      throw new CordonError('CORDON_OVERLOADED', 'Cannot open another log stream: too many are open.');
    }
    const last = request.headers['last-event-id'];
    const query = typeof last === 'string' && last !== '' ? { ...matched.query, after: last } : matched.query;
    const start = matched.operation.prepare(context, { params: matched.params, query, body: undefined });
    const stream = new EventStream(response, this.#heartbeatMs);
    this.#streams.add(stream);
    const stop = start(stream);
    response.once('close', () => {
      stop();
      this.#streams.delete(stream);
    });
  }

  #record(error: CordonError, id: string, operation: string): void {
    const doubtful = error.status === 401 || error.status === 403 || error.code === 'CORDON_HOST_REFUSED';
    this.#services.evidence.record({
      kind: 'control.refused',
      severity: error.fault === 'internal' ? 'high' : doubtful ? 'medium' : 'info',
      app: null,
      function: null,
      instance: null,
      request: null,
      reason: error.code,
      detail: { id, operation, message: error.message },
    });
  }

  #malformed(socket: Socket): void {
    const error = new CordonError('CORDON_REQUEST_MALFORMED');
    this.#record(error, newId('evt'), 'none');
    if (socket.writable)
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    else socket.destroy();
  }
}

function attempt<T>(action: () => T): T | CordonError {
  try {
    return action();
  } catch (thrown) {
    return toCordonError(thrown);
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CordonError {
  const details = { host, port };
  if (error.code === 'EADDRINUSE') {
    return new CordonError('CORDON_PORT_TAKEN', `Cannot listen on ${host}:${port}: another program does.`, {
      details,
    });
  }
  const message = `Cannot listen on ${host}:${port}: ${error.message}`;
  return new CordonError('CORDON_ADDRESS_REFUSED', message, { details, cause: error });
}
