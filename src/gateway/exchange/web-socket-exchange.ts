import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { ERRORS } from '../../contract/index.ts';
import type { CordonError, ErrorCode } from '../../contract/index.ts';
import type { Exchange, FlatHeaders, ResponseSink } from '../../instance/index.ts';
import type { Dispatcher } from '../../pool/index.ts';
import type { AnswerRules } from '../http/answer.ts';
import type { Connection, OpenExchange } from '../http/connection.ts';
import { HttpExchange } from './http-exchange.ts';
import type { Outcome } from './http-exchange.ts';
import { isStillKnown } from '../stages/identify.ts';
import { readResponseHead } from '../http/response-head.ts';
import type { Routed } from '../stages/stages.ts';
import { CLOSE, cutReason, sendableCode } from './web-socket-close.ts';
import type { Handshaker } from './web-socket-handshake.ts';
import { offeredProtocols } from './web-socket-handshake.ts';

const EARLY_BYTES_MAX = 64 * 1024;

/** What happens to a WebSocket, for whoever counts them. */
export interface WebSocketEvents {
  /** The function accepted; the request is answered. False: there are too many. */
  accepted(): boolean;
  settled(outcome: Outcome): void;
}

/** An upgrade as node hands it over. */
export interface Upgrade {
  readonly message: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that followed the handshake. */
  readonly early: Buffer;
  readonly response: ServerResponse;
  readonly connection: Connection;
}

/**
 * A WebSocket of a caller and a function. The handshake is completed only when the function has accepted;
 * any other answer is a plain HTTP response on the same connection.
 */
export class WebSocketExchange implements ResponseSink, OpenExchange {
  readonly #request: Routed;
  readonly #upgrade: Upgrade;
  readonly #rules: AnswerRules;
  readonly #handshaker: Handshaker;
  readonly #events: WebSocketEvents;
  /** Takes over where the function does not accept. */
  readonly #plain: HttpExchange;
  #early: Buffer[];
  #earlyBytes = 0;
  #exchange: Exchange | null = null;
  #webSocket: WebSocket | null = null;
  #instance: string | null = null;
  #settled = false;
  #uncredited = 0;
  #outcome: { failure: ErrorCode | null; detail: string } = { failure: null, detail: '' };
  /** Tick of the last sign of life. */
  #aliveTick = 0;
  #pinged = false;

  constructor(
    request: Routed,
    upgrade: Upgrade,
    rules: AnswerRules,
    handshaker: Handshaker,
    events: WebSocketEvents,
  ) {
    this.#request = request;
    this.#upgrade = upgrade;
    this.#rules = rules;
    this.#handshaker = handshaker;
    this.#events = events;
    this.#early = [upgrade.early];
    const { message, response, connection, socket } = upgrade;
    this.#plain = new HttpExchange(request, message, response, connection, rules, (outcome) => {
      if (response.socket !== null) response.detachSocket(socket);
      socket.destroySoon();
      this.#settle(outcome);
    });
  }

  run(dispatcher: Dispatcher): void {
    const { socket } = this.#upgrade;
    // Reading is also how the caller's leaving is noticed.
    socket.on('data', this.#keepEarly);
    socket.on('end', this.#leave);
    const { id, target, url, fields, match } = this.#request;
    this.#exchange = dispatcher.dispatch(
      match.deployment,
      match.fn,
      { id, method: target.method, url, headers: fields, webSocket: true, body: null, streams: false },
      this,
    );
    this.#plain.adopt(this.#exchange);
    this.#credit();
  }

  assigned(instance: string): void {
    this.#instance = instance;
    this.#plain.assigned(instance);
  }

  head(status: number, headers: FlatHeaders, body: Uint8Array | null, last: boolean): void {
    if (status !== 101) {
      this.#stopReading();
      this.#plain.head(status, headers, body, last);
      return;
    }
    const head = readResponseHead(
      200,
      headers,
      this.#rules.limits.responseHeadersBytesMax,
      this.#request.guard.response,
    );
    const protocol = protocolOf(headers);
    const offered = offeredProtocols(this.#request.head.fields) ?? [];
    if (typeof head === 'string' || (protocol !== null && !offered.includes(protocol))) {
      this.#plain.fail(
        'CORDON_FUNCTION_RESPONSE',
        typeof head === 'string' ? head : 'a subprotocol that was not offered',
      );
    } else if (!this.#events.accepted()) {
      this.#plain.fail('CORDON_OVERLOADED', 'open WebSockets');
    } else {
      this.#accept(head.fields, protocol);
    }
  }

  data(chunk: Uint8Array): void {
    this.#plain.data(chunk);
  }

  end(): void {
    this.#plain.end();
  }

  drain(): void {
    this.#webSocket?.resume();
  }

  message(data: Uint8Array, text: boolean): void {
    const { byteLength } = data;
    if (this.#webSocket === null) return;
    if (byteLength > this.#rules.limits.webSocketMessageBytesMax) {
      this.#giveUp('CORDON_FUNCTION_RESPONSE', 'a WebSocket message past the limit', CLOSE.tooBig);
      return;
    }
    this.#webSocket.send(data, { binary: !text }, () => {
      this.#uncredited += byteLength;
      this.#credit();
    });
  }

  closed(code: number, reason: string): void {
    this.#exchange = null;
    this.#webSocket?.close(sendableCode(code), cutReason(reason));
  }

  failed(error: CordonError): void {
    this.#exchange = null;
    if (this.#webSocket === null) {
      this.#stopReading();
      this.#plain.failed(error);
    } else {
      this.#giveUp(
        error.code,
        error.message,
        ERRORS[error.code].status === 503 ? CLOSE.overloaded : CLOSE.failed,
      );
    }
  }

  // ── what the caller does ──

  /** Before the function accepted, the plain exchange is the one that is swept and told of the caller's leaving. */
  sweep(tick: number): void {
    const webSocket = this.#webSocket;
    if (webSocket === null) return;
    if (!isStillKnown(this.#request)) {
      this.#giveUp('CORDON_UNAUTHENTICATED', 'the caller has to be identified again', CLOSE.policy);
      return;
    }
    const { limits, ticker } = this.#rules;
    const idle = tick - this.#aliveTick;
    const patience = ticker.ticks(limits.webSocketPingMs);
    if (idle > 2 * patience) webSocket.terminate();
    else if (idle > patience && !this.#pinged) {
      this.#pinged = true;
      webSocket.ping();
    }
  }

  callerLeft(): void {
    if (this.#webSocket !== null) {
      this.#webSocket.terminate();
      return;
    }
    this.#exchange?.abort();
    this.#exchange = null;
    this.#settle({ status: 101, failure: 'CORDON_CALLER_LEFT', detail: '', instance: this.#instance });
  }

  bodyFailed(): boolean {
    return false;
  }

  /** The server is going away. */
  shutDown(): void {
    this.#webSocket?.close(CLOSE.goingAway, '');
  }

  #accept(fields: readonly string[], protocol: string | null): void {
    const { message, socket, response, connection } = this.#upgrade;
    this.#plain.release();
    this.#stopReading();
    response.detachSocket(socket);
    connection.opened(this);
    const answer = { protocol, fields: [...fields, 'x-request-id', this.#request.id] };
    this.#handshaker.complete(message, socket, Buffer.concat(this.#early), answer, (webSocket) =>
      this.#opened(webSocket),
    );
    this.#early = [];
  }

  #opened(webSocket: WebSocket): void {
    this.#webSocket = webSocket;
    this.#alive();
    webSocket.on('message', (data: RawData, binary: boolean) => {
      this.#alive();
      const bytes = Array.isArray(data)
        ? Buffer.concat(data)
        : data instanceof ArrayBuffer
          ? new Uint8Array(data)
          : data;
      if (this.#exchange?.message(bytes, !binary) === false) webSocket.pause();
    });
    webSocket.on('pong', () => this.#alive());
    webSocket.on('ping', () => this.#alive());
    webSocket.on('error', (error) => (this.#outcome.detail ||= error.message));
    webSocket.on('close', (code: number, reason: Buffer) => {
      const exchange = this.#exchange;
      this.#exchange = null;
      if (code === CLOSE.abnormal) exchange?.abort();
      else exchange?.close(code, reason.toString());
      this.#settle({ status: 101, ...this.#outcome, instance: this.#instance });
    });
  }

  #giveUp(failure: ErrorCode, detail: string, code: number): void {
    this.#exchange?.abort();
    this.#exchange = null;
    this.#outcome = { failure, detail };
    this.#webSocket?.close(code, this.#request.id);
  }

  #alive(): void {
    this.#aliveTick = this.#rules.ticker.now;
    this.#pinged = false;
  }

  #credit(): void {
    if (this.#exchange === null || this.#uncredited === 0) return;
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    this.#exchange.consumed(bytes);
  }

  readonly #keepEarly = (bytes: Buffer): void => {
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > EARLY_BYTES_MAX) this.#upgrade.socket.pause();
  };

  readonly #leave = (): void => {
    this.#upgrade.socket.destroy();
  };

  #stopReading(): void {
    const { socket } = this.#upgrade;
    socket.off('data', this.#keepEarly);
    socket.off('end', this.#leave);
  }

  #settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#upgrade.connection.settled(this);
    this.#events.settled(outcome);
  }
}

function protocolOf(headers: FlatHeaders): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'sec-websocket-protocol') return headers[i + 1] ?? null;
  }
  return null;
}
