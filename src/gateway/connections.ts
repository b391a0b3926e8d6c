import { isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import type { ErrorCode } from '../contract/index.ts';
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

const KEY: unique symbol = Symbol('connection');

interface KnownSocket extends Socket {
  [KEY]?: Connection;
}

/** One connection of a caller, with what is open on it. */
export class Connection {
  readonly socket: Socket;
  /** Address of the caller; IPv4 also where the socket is of IPv6. */
  readonly address: string;
  /** True once nothing that follows on it may be read as a request. */
  closing = false;
  /** True once its parser gave up: nothing more can be read from it. */
  broken = false;
  /** Requests whose caller is being identified. */
  identifying = 0;
  readonly #open = new Set<OpenExchange>();
  #lastWords: string | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = plainAddress(socket.remoteAddress ?? '');
  }

  get inFlight(): number {
    return this.#open.size + this.identifying;
  }

  opened(exchange: OpenExchange): void {
    this.#open.add(exchange);
  }

  settled(exchange: OpenExchange): void {
    this.#open.delete(exchange);
    if (this.#lastWords !== null && this.inFlight === 0) this.#sayLastWords(this.#lastWords);
  }

  sweep(tick: number): void {
    for (const exchange of this.#open) exchange.sweep(tick);
  }

  callerLeft(): void {
    this.closing = true;
    for (const exchange of [...this.#open]) exchange.callerLeft();
  }

  /**
   * The parser gave up. A request whose body is torn is answered in its own response; otherwise the error
   * waits its turn, so that it is never taken for the answer to an earlier request.
   */
  fail(code: ErrorCode, id: string): void {
    if (this.broken) return;
    let told = this.closing;
    this.closing = true;
    this.broken = true;
    for (const exchange of [...this.#open]) told = exchange.bodyFailed(code) || told;
    if (told) return;
    const words = rawErrorAnswer(code, id);
    if (this.inFlight === 0) this.#sayLastWords(words);
    else this.#lastWords = words;
  }

  #sayLastWords(words: string): void {
    this.#lastWords = null;
    if (!this.socket.writable) {
      this.socket.destroy();
      return;
    }
    this.socket.write(words);
    this.socket.destroySoon();
  }
}

/** All connections of a gateway, bounded per address. An IPv6 caller is its /64, which one host has to itself. */
export class Connections {
  readonly #perAddressMax: number;
  readonly #all = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  #whenEmpty: (() => void)[] = [];

  constructor(perAddressMax: number) {
    this.#perAddressMax = perAddressMax;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes up a connection, or returns null where its address has too many. */
  open(socket: Socket): Connection | null {
    const connection = new Connection(socket);
    const key = addressGroup(connection.address);
    const count = this.#perAddress.get(key) ?? 0;
    if (count >= this.#perAddressMax) return null;
    this.#perAddress.set(key, count + 1);
    this.#all.add(connection);
    (socket as KnownSocket)[KEY] = connection;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed(connection, key));
    return connection;
  }

  of(socket: Socket): Connection | null {
    return (socket as KnownSocket)[KEY] ?? null;
  }

  sweep(tick: number): void {
    for (const connection of this.#all) if (connection.inFlight > 0) connection.sweep(tick);
  }

  /** Resolves once no connection is left and all that was open on them has been told. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#all.size === 0) resolve();
      else this.#whenEmpty.push(resolve);
    });
  }

  destroyAll(): void {
    for (const { socket } of this.#all) socket.destroy();
  }

  #closed(connection: Connection, key: string): void {
    this.#all.delete(connection);
    const count = (this.#perAddress.get(key) ?? 1) - 1;
    if (count === 0) this.#perAddress.delete(key);
    else this.#perAddress.set(key, count);
    connection.callerLeft();
    if (this.#all.size > 0) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}

function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function addressGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [left = '', right] = (address.split('%')[0] ?? '').split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(Math.max(0, zeros)).fill('0'), ...tail].slice(0, 4).join(':');
}
