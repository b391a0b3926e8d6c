import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { addressGroup } from '../../rate/index.ts';
import { SocketConnection } from './connection.ts';

const KEY: unique symbol = Symbol('connection');

interface KnownSocket extends Socket {
  [KEY]?: SocketConnection;
}

/** All connections of a gateway, bounded per address. An IPv6 caller is its /64, which one host has to itself. */
export class Connections {
  readonly #perAddressMax: number;
  readonly #all = new Set<SocketConnection>();
  readonly #perAddress = new Map<string, number>();
  /** The address that a connection counts for; none while it is one of a trusted proxy. */
  readonly #counted = new Map<SocketConnection, string>();
  #whenEmpty: (() => void)[] = [];

  constructor(perAddressMax: number) {
    this.#perAddressMax = perAddressMax;
  }

  get size(): number {
    return this.#all.size;
  }

  /**
   * Takes up a connection, or returns null where its address has too many. Those of a trusted proxy are
   * those of all its callers, and not counted together.
   */
  open(socket: Socket, isTrustedProxy = false): SocketConnection | null {
    const connection = new SocketConnection(socket);
    if (!isTrustedProxy && !this.#count(connection)) return null;
    this.#all.add(connection);
    (socket as KnownSocket)[KEY] = connection;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed(connection));
    return connection;
  }

  /** A trusted proxy said whose connection it is. False: that address has too many. */
  readdress(connection: SocketConnection, address: string): boolean {
    connection.address = address;
    return this.#count(connection);
  }

  /** The handshake of a connection is done. */
  secured(connection: SocketConnection, socket: TLSSocket): void {
    connection.secured(socket);
    (socket as KnownSocket)[KEY] = connection;
  }

  of(socket: Socket): SocketConnection | null {
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
    for (const connection of this.#all) connection.destroy();
  }

  #count(connection: SocketConnection): boolean {
    const key = addressGroup(connection.address);
    const count = this.#perAddress.get(key) ?? 0;
    if (count >= this.#perAddressMax) return false;
    this.#perAddress.set(key, count + 1);
    this.#counted.set(connection, key);
    return true;
  }

  #closed(connection: SocketConnection): void {
    this.#all.delete(connection);
    const key = this.#counted.get(connection);
    if (key !== undefined) {
      this.#counted.delete(connection);
      const count = (this.#perAddress.get(key) ?? 1) - 1;
      if (count === 0) this.#perAddress.delete(key);
      else this.#perAddress.set(key, count);
    }
    connection.callerLeft();
    if (this.#all.size > 0) return;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}
