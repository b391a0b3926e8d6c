import { constants, performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { GatewayLimits } from '../gateway-limits.ts';
import type { Connection, OpenExchange, SocketConnection } from './connection.ts';
import { StreamConnection } from './connection.ts';
import { StreamRequest, StreamResponse } from './http2-message.ts';
import type { IncomingRequest, OutgoingResponse } from './message.ts';
import type { Ticker } from './ticker.ts';

/** What a session hands on. */
export interface SessionEvents {
  request(
    message: IncomingRequest,
    response: OutgoingResponse,
    connection: Connection,
    awaitsContinue: boolean,
  ): void;
  /** The session was ended, as it passed a limit. */
  limitExceeded(address: string, detail: string): void;
}

/** What all sessions of a gateway share. */
export interface SessionRules {
  readonly limits: GatewayLimits;
  readonly ticker: Ticker;
}

const STREAM_ID_MAX = 2 ** 31 - 1;
/** For each byte sent, the bytes of WINDOW_UPDATE that it may cost to have them acknowledged. */
const ACKNOWLEDGEMENT_SHARE = 1 / 16;
const BURST_SECONDS = 2;
/** RFC 9113 section 6.9.2; it is never raised, so it bounds the unread bytes of all streams together. */
const CONNECTION_WINDOW_BYTES = 65_535;

/**
 * A session of HTTP/2 on one connection. node's deadlines for HTTP/1.1 do not reach it, so it has its own:
 * an idle session is closed, and one that costs more than its requests are worth is ended with
 * ENHANCE_YOUR_CALM. That is one that opens streams and resets them (CVE-2023-44487), or has them reset by
 * what it sends on them (CVE-2025-8671), and one that sends much besides requests and their bodies: PING,
 * SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and CONTINUATION, whatever their mix.
 */
export class Http2Session implements OpenExchange {
  readonly #session: ServerHttp2Session;
  readonly #connection: SocketConnection;
  readonly #rules: SessionRules;
  readonly #events: SessionEvents;
  readonly #streams = new Set<StreamConnection>();
  #closes = false;
  #ended = false;
  /** Tick at which the last stream ended. */
  #idleTick: number;
  /** Tick at which it was closed from this side; negative while it was not. */
  #closedTick = -1;
  #windowTick: number;
  #resets = 0;
  #bytesRead: number;
  #bytesWritten: number;
  /** Bytes of bodies and heads since the last tick. */
  #usefulBytes = 0;
  /** Bytes of overhead that it may still send. */
  #allowance: number;
  readonly #allowanceMax: number;

  constructor(connection: SocketConnection, socket: TLSSocket, rules: SessionRules, events: SessionEvents) {
    const { limits, ticker } = rules;
    this.#connection = connection;
    this.#rules = rules;
    this.#events = events;
    this.#idleTick = ticker.now;
    this.#windowTick = ticker.now;
    this.#bytesRead = connection.raw.bytesRead;
    this.#bytesWritten = connection.raw.bytesWritten;
    // What has arrived and was not read yet looks like overhead until it is.
    this.#allowanceMax = limits.http2OverheadBytesPerSecondMax * BURST_SECONDS + CONNECTION_WINDOW_BYTES;
    this.#allowance = this.#allowanceMax;
    // Whoever ends a session's connection wants no more answers; node would keep the other half open.
    socket.allowHalfOpen = false;
    const session = performServerHandshake(socket, sessionOptions(limits));
    this.#session = session;
    session.on('error', () => undefined);
    session.on('stream', (stream, headers, _flags, raw) => this.#onStream(stream, headers, raw));
    session.on('close', () => connection.settled(this));
    connection.opened(this);
    // node's own servers say this of a finished handshake; a session waits for it on any TLS socket.
    if (session.connecting) socket.emit('secureConnect');
  }

  /** Lets the open streams end and takes no new ones, without losing one that is on its way. */
  drain(): void {
    if (this.#closes || this.#session.destroyed) return;
    this.#closes = true;
    this.#idleTick = this.#rules.ticker.now;
    // RFC 9113 section 6.8: told first, and closed once the caller is known to have heard it.
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, STREAM_ID_MAX);
    if (!this.#session.ping(() => this.#close())) this.#close();
  }

  sweep(tick: number): void {
    const { limits, ticker } = this.#rules;
    if (this.#closedTick >= 0 && this.#streams.size === 0) {
      // The caller has had time to read why, and did not end its half.
      if (tick - this.#closedTick > ticker.ticks(limits.lingerTimeoutMs)) this.#connection.destroy();
      return;
    }
    for (const stream of this.#streams) stream.sweep(tick);
    if (tick - this.#windowTick > ticker.ticks(limits.http2ResetWindowMs)) {
      this.#windowTick = tick;
      this.#resets = 0;
    }
    if (!this.#isWithinAllowance()) this.#end('more overhead than an HTTP/2 session may send');
    else if (this.#streams.size === 0 && tick - this.#idleTick > this.#idleTicksMax) this.#close();
  }

  callerLeft(): void {
    for (const stream of [...this.#streams]) stream.callerLeft();
    this.#streams.clear();
    this.#connection.settled(this);
  }

  bodyFailed(): boolean {
    return false;
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    const connection = new StreamConnection(this.#connection, stream);
    this.#streams.add(connection);
    this.#usefulBytes += this.#rules.limits.headersBytesMax;
    stream.on('error', () => undefined);
    const request = new StreamRequest(stream, headers, raw, (bytes) => (this.#usefulBytes += bytes));
    const response = new StreamResponse(stream);
    // After the response's own, which tells whether all of it has left.
    stream.on('close', () => this.#onStreamClosed(connection));
    if (this.#ended) {
      connection.destroy();
      return;
    }
    const awaitsContinue = request.hasBody && headers.expect?.toLowerCase() === '100-continue';
    this.#events.request(request, response, connection, awaitsContinue);
  }

  #onStreamClosed(connection: StreamConnection): void {
    connection.callerLeft();
    this.#streams.delete(connection);
    if (this.#streams.size === 0) {
      this.#idleTick = this.#rules.ticker.now;
      // A caller that has heard and has no more to ask may end its half without answering the ping.
      if (this.#closes) this.#close();
    }
    if (!connection.wasReset) return;
    this.#resets += 1;
    if (this.#resets > this.#rules.limits.http2ResetsMax) this.#end('streams of HTTP/2 that were reset');
  }

  #isWithinAllowance(): boolean {
    const { limits, ticker } = this.#rules;
    const { bytesRead, bytesWritten } = this.#connection.raw;
    const acknowledgements = (bytesWritten - this.#bytesWritten) * ACKNOWLEDGEMENT_SHARE;
    const overhead = bytesRead - this.#bytesRead - this.#usefulBytes - acknowledgements;
    const earned = (limits.http2OverheadBytesPerSecondMax * ticker.tickMs) / 1000;
    this.#allowance = Math.min(this.#allowanceMax, this.#allowance + earned - overhead);
    this.#bytesRead = bytesRead;
    this.#bytesWritten = bytesWritten;
    this.#usefulBytes = 0;
    return this.#allowance >= 0;
  }

  get #idleTicksMax(): number {
    const { limits, ticker } = this.#rules;
    return this.#closes ? 1 : ticker.ticks(limits.keepAliveTimeoutMs);
  }

  #close(): void {
    if (this.#session.closed || this.#session.destroyed) return;
    this.#closedTick = this.#rules.ticker.now;
    this.#session.close();
  }

  #end(detail: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.limitExceeded(this.#connection.address, detail);
    this.#closedTick = this.#rules.ticker.now;
    const { NGHTTP2_ENHANCE_YOUR_CALM } = constants;
    if (this.#session.destroyed) return;
    this.#session.goaway(NGHTTP2_ENHANCE_YOUR_CALM);
    // In its own turn, so that the frame that says why has left by then.
    setImmediate(() => this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM));
  }
}

/** Nothing left to a default that a caller could lean on. */
function sessionOptions(limits: GatewayLimits) {
  return {
    settings: {
      enablePush: false,
      // RFC 8441: WebSockets are of HTTP/1.1 here.
      enableConnectProtocol: false,
      initialWindowSize: limits.http2WindowBytes,
      maxConcurrentStreams: limits.http2StreamsMax,
      maxHeaderListSize: limits.headersBytesMax,
    },
    // One more than allowed, so that `readStreamHead` refuses it with an answer; pseudo-headers come on top.
    maxHeaderListPairs: limits.headersCountMax + 16,
    maxSessionInvalidFrames: limits.http2InvalidFramesMax,
    maxSessionRejectedStreams: limits.http2InvalidFramesMax,
    maxOutstandingPings: 2,
    maxSettings: 32,
    // What `http2ResetsMax` lets through, and a little more: it is to act first, as it leaves evidence.
    streamResetBurst: limits.http2ResetsMax * 4,
    streamResetRate: Math.max(1, Math.ceil((limits.http2ResetsMax * 1000) / limits.http2ResetWindowMs)),
  };
}
