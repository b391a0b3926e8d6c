import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { newId } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import { Admission } from './admit.ts';
import type { AnswerRules } from './answer.ts';
import { authorize } from './authorize.ts';
import { Connections } from './connections.ts';
import type { Connection } from './connections.ts';
import { gatewayLimits } from './gateway-limits.ts';
import type { GatewayLimits } from './gateway-limits.ts';
import type { Gateway, GatewayOptions, GatewayStats } from './gateway-options.ts';
import { HttpExchange } from './http-exchange.ts';
import { identify } from './identify.ts';
import { Journal } from './journal.ts';
import { Listener } from './listener.ts';
import { receive } from './receive.ts';
import { Refusal } from './refusal.ts';
import { RefusedExchange } from './refused-exchange.ts';
import { route } from './route.ts';
import type { RouteMatch } from './router.ts';
import type { Identified, Received, Routed } from './stages.ts';
import { Ticker } from './ticker.ts';
import { checkHandshake, Handshaker } from './web-socket-handshake.ts';
import { WebSocketExchange } from './web-socket-exchange.ts';

/** A request on its way through the stages, with what it takes to answer it. */
interface Intake {
  readonly id: string;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly awaitsContinue: boolean;
  /** Null for a plain request. */
  readonly upgrade: { readonly socket: Socket; readonly early: Buffer } | null;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
}

const TICK_MS_MAX = 250;
const TICKS_PER_LIMIT = 4;

/** Builds a gateway; nothing listens before `listen`. */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(options);
}

class HttpGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #admission: Admission;
  readonly #connections: Connections;
  readonly #journal: Journal;
  readonly #ticker: Ticker;
  readonly #listener: Listener;
  readonly #rules: AnswerRules;
  readonly #handshaker: Handshaker;
  readonly #webSockets = new Set<WebSocketExchange>();
  #draining = false;
  #requests = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const limits = gatewayLimits(options.limits);
    this.#limits = limits;
    this.#admission = new Admission(limits.requestsInFlightMax);
    this.#connections = new Connections(limits.connectionsPerAddressMax);
    this.#journal = new Journal(options.evidence, options.clock, limits.securityEventsPerSecondMax);
    const shortestMs = Math.min(
      limits.bodyIdleTimeoutMs,
      limits.writeIdleTimeoutMs,
      limits.lingerTimeoutMs,
      limits.webSocketPingMs,
    );
    const tickMs = Math.max(1, Math.min(TICK_MS_MAX, Math.floor(shortestMs / TICKS_PER_LIMIT)));
    this.#ticker = new Ticker(tickMs, (now) => this.#connections.sweep(now));
    this.#rules = { limits, ticker: this.#ticker, draining: () => this.#draining };
    this.#handshaker = new Handshaker(limits.webSocketMessageBytesMax);
    this.#listener = new Listener(limits, {
      connection: (socket) => this.#onConnection(socket),
      dropped: (address) => this.#limitExceeded(address, 'connections'),
      request: (message, response, awaitsContinue) => this.#onRequest(message, response, awaitsContinue),
      upgrade: (message, socket, early) => this.#onUpgrade(message, socket, early),
      refused: (socket, code, reason) => this.#onMalformed(socket, code, reason),
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
    for (const webSocket of this.#webSockets) webSocket.shutDown();
    await this.#listener.close(drainMs, () => this.#connections.destroyAll());
    await this.#connections.emptied();
    this.#ticker.stop();
  }

  stats(): GatewayStats {
    return {
      connections: this.#connections.size,
      requestsInFlight: this.#admission.inFlight,
      webSockets: this.#webSockets.size,
      requests: this.#requests,
    };
  }

  #onConnection(socket: Socket): boolean {
    if (this.#connections.open(socket) !== null) return true;
    this.#limitExceeded(socket.remoteAddress ?? '', 'connections of one address');
    return false;
  }

  #limitExceeded(address: string, detail: string): void {
    this.#journal.event('limit.exceeded', 'CORDON_OVERLOADED', { id: null, address, match: null, detail });
  }

  #onMalformed(socket: Socket, code: ErrorCode, reason: string): void {
    const connection = this.#connections.of(socket);
    if (connection === null || connection.broken) return;
    const id = newId('req');
    const event = code === 'CORDON_REQUEST_MALFORMED' ? 'request.malformed' : 'limit.exceeded';
    this.#journal.refused(new Refusal(code, reason, { event }), id, connection.address, null, 'message');
    connection.fail(code, id);
  }

  #onRequest(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const connection = this.#connections.of(message.socket);
    // What follows a refused message on its connection is not a request that anyone has vouched for.
    if (connection === null || connection.closing) return;
    this.#take({
      id: newId('req'),
      message,
      response,
      connection,
      awaitsContinue,
      upgrade: null,
      startedAt: this.#options.clock.monotonic(),
    });
  }

  #onUpgrade(message: IncomingMessage, socket: Socket, early: Buffer): void {
    const connection = this.#connections.of(socket);
    // An upgrade behind unanswered requests would take their connection away.
    if (connection === null || socket !== message.socket || connection.closing || connection.inFlight > 0) {
      socket.destroy();
      return;
    }
    connection.closing = true;
    const response = new ServerResponse(message);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    const upgrade = { socket, early };
    this.#take({
      id: newId('req'),
      message,
      response,
      connection,
      awaitsContinue: false,
      upgrade,
      startedAt: this.#options.clock.monotonic(),
    });
  }

  /** The request path: each stage takes what the one before returned. */
  #take(intake: Intake): void {
    const { id, message, connection } = intake;
    this.#requests += 1;
    if (connection.inFlight >= this.#limits.pipelinedRequestsMax) {
      this.#refuse(
        intake,
        new Refusal('CORDON_OVERLOADED', 'requests on one connection', {
          event: 'limit.exceeded',
          closes: true,
        }),
        null,
      );
      return;
    }
    const received = receive(
      {
        id,
        address: connection.address,
        method: message.method ?? '',
        url: message.url ?? '',
        httpVersion: message.httpVersion,
        rawHeaders: message.rawHeaders,
        webSocket: intake.upgrade !== null,
      },
      {
        headersCountMax: this.#limits.headersCountMax,
        urlBytesMax: this.#limits.urlBytesMax,
        routes: this.#options.routes(),
        random: this.#options.random,
      },
    );
    if (received instanceof Refusal) {
      this.#refuse(intake, received, null);
      return;
    }
    const refusal = received.webSocket ? checkHandshake(received) : null;
    if (refusal !== null) {
      this.#refuse(intake, refusal, received.match);
      return;
    }
    const identified = identify(received, this.#options.verifyControlToken);
    if (identified instanceof Promise) this.#identifyLater(intake, received, identified);
    else this.#proceed(intake, received, identified);
  }

  #identifyLater(intake: Intake, received: Received, later: Promise<Identified | Refusal>): void {
    const { connection } = intake;
    connection.identifying += 1;
    void later.then((identified) => {
      connection.identifying -= 1;
      if (!connection.socket.destroyed) this.#proceed(intake, received, identified);
    });
  }

  #proceed(intake: Intake, received: Received, identified: Identified | Refusal): void {
    if (identified instanceof Refusal) {
      this.#refuse(intake, identified, received.match);
      return;
    }
    const admitted = this.#admission.admit(identified);
    if (admitted instanceof Refusal) {
      this.#refuse(intake, admitted, received.match);
      return;
    }
    const authorized = authorize(admitted);
    if (authorized instanceof Refusal) {
      this.#admission.release();
      this.#refuse(intake, authorized, received.match);
      return;
    }
    this.#run(intake, route(authorized));
  }

  #run(intake: Intake, routed: Routed): void {
    const { message, response, connection, awaitsContinue, upgrade } = intake;
    const { dispatcher } = this.#options;
    if (upgrade !== null) {
      this.#runWebSocket(intake, routed, upgrade.socket, upgrade.early);
      return;
    }
    const exchange = new HttpExchange(routed, message, response, connection, this.#rules, (outcome) => {
      this.#admission.release();
      this.#served(intake, routed.match, routed.target.path, outcome);
    });
    exchange.run(dispatcher, response, awaitsContinue);
  }

  #runWebSocket(intake: Intake, routed: Routed, socket: Socket, early: Buffer): void {
    const { message, response, connection } = intake;
    let holdsSlot = true;
    const exchange = new WebSocketExchange(
      routed,
      { message, socket, early, response, connection },
      this.#rules,
      this.#handshaker,
      {
        accepted: () => {
          if (this.#webSockets.size >= this.#limits.webSocketsMax || this.#draining) return false;
          this.#webSockets.add(exchange);
          this.#admission.release();
          holdsSlot = false;
          return true;
        },
        settled: (outcome) => {
          this.#webSockets.delete(exchange);
          if (holdsSlot) this.#admission.release();
          this.#served(intake, routed.match, routed.target.path, outcome);
        },
      },
    );
    exchange.run(this.#options.dispatcher);
  }

  #served(
    intake: Intake,
    match: RouteMatch,
    path: string,
    outcome: { status: number; failure: ErrorCode | null; detail: string; instance: string | null },
  ): void {
    const { id, message, startedAt } = intake;
    const ms = this.#options.clock.monotonic() - startedAt;
    this.#journal.served({ id, match, method: message.method ?? '', path, ms, ...outcome });
  }

  #refuse(intake: Intake, refusal: Refusal, match: RouteMatch | null): void {
    const { id, message, response, connection, awaitsContinue, upgrade } = intake;
    if (refusal.closes) connection.closing = true;
    const what = `${message.method ?? ''} ${match?.pattern ?? ''}`;
    this.#journal.refused(refusal, id, connection.address, match, what);
    const refused = new RefusedExchange(message, response, connection, this.#rules, () => {
      if (upgrade === null) return;
      if (response.socket !== null) response.detachSocket(upgrade.socket);
      upgrade.socket.destroySoon();
    });
    refused.answer(refusal, id, awaitsContinue);
  }
}
