import type { ServerHttp2Stream } from 'node:http2';
import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ErrorCode } from '../../contract/index.ts';
import type { ClientCertificate } from '../../identity/index.ts';
import { clientCertificateOf, plainAddress } from '../../transport/index.ts';
import type { TrustedProxies } from '../../transport/index.ts';
import { rawErrorAnswer } from './error-answer.ts';

/** Something that is answered on a connection. */
export interface OpenExchange {
  /** Called every tick: cuts what has stalled. */
  sweep(tick: number): void;
  /** The connection is gone. */
  callerLeft(): void;
  /** The rest of its body cannot be read. False: its body is complete, it goes on. */
  bodyFailed(code: ErrorCode): boolean;
}

/** What carries requests of one caller: a connection of HTTP/1.1, or one stream of HTTP/2. */
export abstract class Connection {
  /** True once nothing that follows on it may be read as a request. */
  closing = false;
  /** True once its parser gave up: nothing more can be read from it. */
  broken = false;
  /** Requests whose caller is being identified. */
  identifying = 0;
  protected readonly open = new Set<OpenExchange>();

  /** Address of the caller; IPv4 also where the socket is of IPv6. */
  abstract get address(): string;
  abstract get scheme(): 'http' | 'https';
  /** Not null where the peer is a proxy whose fields say who its caller is. */
  abstract get forwards(): TrustedProxies | null;
  /** What the caller's end of the TLS connection showed; null for none. */
  abstract get certificate(): ClientCertificate | null;
  /** True once nobody is there any more to be answered. */
  abstract get gone(): boolean;

  get inFlight(): number {
    return this.open.size + this.identifying;
  }

  opened(exchange: OpenExchange): void {
    this.open.add(exchange);
  }

  settled(exchange: OpenExchange): void {
    this.open.delete(exchange);
  }

  sweep(tick: number): void {
    for (const exchange of this.open) exchange.sweep(tick);
  }

  callerLeft(): void {
    this.closing = true;
    for (const exchange of [...this.open]) exchange.callerLeft();
  }

  /** Ends it at once. */
  abstract destroy(): void;
  /** Ends it once what was written has left. */
  abstract destroySoon(): void;
  /** Ends it so that the caller cannot take what came for all there is. */
  abstract reset(): void;
  /** The parser gave up. `id` names the error for the operator. */
  abstract fail(code: ErrorCode, id: string): void;
}

/** A connection of HTTP/1.1, or one that carries a session of HTTP/2. */
export class SocketConnection extends Connection {
  /** As it was accepted. */
  readonly raw: Socket;
  address: string;
  forwards: TrustedProxies | null = null;
  #secured: TLSSocket | null = null;
  #certificate: ClientCertificate | null | undefined;
  #lastWords: string | null = null;

  constructor(raw: Socket) {
    super();
    this.raw = raw;
    this.address = plainAddress(raw.remoteAddress ?? '');
  }

  /** What is read and written: the decrypted side of TLS where there is one. */
  get socket(): Socket {
    return this.#secured ?? this.raw;
  }

  get scheme(): 'http' | 'https' {
    return this.#secured === null ? 'http' : 'https';
  }

  get certificate(): ClientCertificate | null {
    if (this.#certificate === undefined) {
      this.#certificate = this.#secured === null ? null : clientCertificateOf(this.#secured);
    }
    return this.#certificate;
  }

  get gone(): boolean {
    return this.socket.destroyed;
  }

  /** The handshake is done. */
  secured(socket: TLSSocket): void {
    this.#secured = socket;
  }

  override settled(exchange: OpenExchange): void {
    super.settled(exchange);
    if (this.#lastWords !== null && this.inFlight === 0) this.#sayLastWords(this.#lastWords);
  }

  destroy(): void {
    this.socket.destroy();
    this.raw.destroy();
  }

  destroySoon(): void {
    this.socket.destroySoon();
  }

  reset(): void {
    this.raw.resetAndDestroy();
  }

  /**
   * A request whose body is torn is answered in its own response; otherwise the error waits its turn, so
   * that it is never taken for the answer to an earlier request.
   */
  fail(code: ErrorCode, id: string): void {
    if (this.broken) return;
    let told = this.closing;
    this.closing = true;
    this.broken = true;
    for (const exchange of [...this.open]) told = exchange.bodyFailed(code) || told;
    if (told) return;
    const words = rawErrorAnswer(code, id);
    if (this.inFlight === 0) this.#sayLastWords(words);
    else this.#lastWords = words;
  }

  #sayLastWords(words: string): void {
    this.#lastWords = null;
    const { socket } = this;
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.write(words);
    socket.destroySoon();
  }
}

/** One stream of HTTP/2: what ends it leaves the session and its other streams alone. */
export class StreamConnection extends Connection {
  readonly #session: SocketConnection;
  readonly #stream: ServerHttp2Stream;
  #isCut = false;

  constructor(session: SocketConnection, stream: ServerHttp2Stream) {
    super();
    this.#session = session;
    this.#stream = stream;
  }

  get address(): string {
    return this.#session.address;
  }

  get scheme(): 'http' | 'https' {
    return this.#session.scheme;
  }

  get forwards(): TrustedProxies | null {
    return this.#session.forwards;
  }

  get certificate(): ClientCertificate | null {
    return this.#session.certificate;
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** True where the stream ended before its answer was there, and not because the gateway ended it. */
  get wasReset(): boolean {
    return this.#stream.aborted && !this.#isCut;
  }

  destroy(): void {
    // RFC 9113 section 8.1: a complete answer before the end of the request is no error.
    this.#close(this.#stream.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
  }

  destroySoon(): void {
    if (this.#stream.writableFinished) this.destroy();
    else this.#stream.once('finish', () => this.destroy());
  }

  reset(): void {
    this.#close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  fail(code: ErrorCode): void {
    this.closing = true;
    this.broken = true;
    for (const exchange of [...this.open]) exchange.bodyFailed(code);
  }

  #close(code: number): void {
    if (this.gone) return;
    this.#isCut = true;
    this.#stream.close(code);
  }
}
