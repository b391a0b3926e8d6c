import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { newId } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import { Entrance } from '../transport/index.ts';
import type { AnswerRules } from './http/answer.ts';
import { ByteBudget } from './stages/byte-budget.ts';
import type { Connection, SocketConnection } from './http/connection.ts';
import { Connections } from './http/connections.ts';
import { gatewayLimits } from './gateway-limits.ts';
import type { GatewayLimits } from './gateway-limits.ts';
import type { Gateway, GatewayOptions, GatewayStats } from './gateway-options.ts';
import { Journal } from './journal.ts';
import { Listener } from './http/listener.ts';
import type { IncomingRequest, OutgoingResponse } from './http/message.ts';
import { Refusal } from './stages/refusal.ts';
import { RequestPath } from './request-path.ts';
import { Ticker } from './http/ticker.ts';

const TICK_MS_MAX = 250;
const TICKS_PER_LIMIT = 4;

/** Builds a gateway; nothing listens before `listen`. */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(options);
}

class HttpGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #connections: Connections;
  readonly #journal: Journal;
  readonly #ticker: Ticker;
  readonly #listener: Listener;
  readonly #rules: AnswerRules;
  readonly #path: RequestPath;
  #draining = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const limits = gatewayLimits(options.limits);
    this.#limits = limits;
    this.#connections = new Connections(limits.connectionsPerAddressMax);
    this.#journal = new Journal(options.evidence, options.clock, limits.securityEventsPerSecondMax);
    const shortestMs = Math.min(
      limits.bodyIdleTimeoutMs,
      limits.guardsTimeoutMs,
      limits.writeIdleTimeoutMs,
      limits.lingerTimeoutMs,
      limits.webSocketPingMs,
    );
    const tickMs = Math.max(1, Math.min(TICK_MS_MAX, Math.floor(shortestMs / TICKS_PER_LIMIT)));
    this.#ticker = new Ticker(tickMs, (now) => this.#connections.sweep(now));
    const wholeBodies = new ByteBudget(limits.wholeBodiesBytesMax);
    this.#rules = { limits, ticker: this.#ticker, wholeBodies, draining: () => this.#draining };
    this.#path = new RequestPath(options, this.#rules, this.#journal);
    const entrance = new Entrance(options.transport);
    const parts = { limits, ticker: this.#ticker, connections: this.#connections, entrance };
    this.#listener = new Listener(parts, {
      dropped: (address, kind, detail) => this.#onDropped(address, kind, detail),
      request: (...request) => this.#onRequest(...request),
      upgrade: (...upgrade) => this.#onUpgrade(...upgrade),
      refused: (connection, code, reason) => this.#onMalformed(connection, code, reason),
    });
  }

  async listen(address: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number }> {
    const listening = await this.#listener.listen(address);
    this.#ticker.start();
    return listening;
  }

  async close(drainMs = this.#limits.drainTimeoutMs): Promise<void> {
    this.#draining = true;
    this.#path.shutDown();
    await this.#listener.close(drainMs);
    await this.#connections.emptied();
    this.#ticker.stop();
  }

  stats(): GatewayStats {
    return {
      connections: this.#connections.size,
      requestsInFlight: this.#path.inFlight,
      webSockets: this.#path.webSockets,
      requests: this.#path.requests,
    };
  }

  #onDropped(address: string, kind: 'limit.exceeded' | 'request.malformed', detail: string): void {
    const reason = kind === 'limit.exceeded' ? 'CORDON_OVERLOADED' : 'CORDON_REQUEST_MALFORMED';
    this.#journal.event(kind, reason, { id: null, address, match: null, detail });
  }

  #onMalformed(connection: SocketConnection, code: ErrorCode, reason: string): void {
    if (connection.broken) return;
    const id = newId('req');
    const event = code === 'CORDON_REQUEST_MALFORMED' ? 'request.malformed' : 'limit.exceeded';
    this.#journal.refused(new Refusal(code, reason, { event }), id, connection.address, null, 'message');
    connection.fail(code, id);
  }

  #onRequest(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    awaitsContinue: boolean,
  ): void {
    // What follows a refused message on its connection is not a request that anyone has vouched for.
    if (connection.closing) return;
    this.#path.take({
      id: newId('req'),
      message,
      response,
      connection,
      awaitsContinue,
      upgrade: null,
      startedAt: this.#options.clock.monotonic(),
    });
  }

  #onUpgrade(message: IncomingMessage, socket: Socket, connection: SocketConnection, early: Buffer): void {
    // An upgrade behind unanswered requests would take their connection away.
    if (connection.closing || connection.inFlight > 0) {
      socket.destroy();
      return;
    }
    connection.closing = true;
    const response = new ServerResponse(message);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    const upgrade = { message, response, socket, early };
    this.#path.take({
      id: newId('req'),
      message,
      response,
      connection,
      awaitsContinue: false,
      upgrade,
      startedAt: this.#options.clock.monotonic(),
    });
  }
}
