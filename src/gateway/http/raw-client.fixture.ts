import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A raw connection that remembers what came. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  #wake: (() => void)[] = [];
  #closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
      this.#notify();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Resolves once what came matches; throws when the connection ends before. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.#closed) throw new Error(`closed before ${String(pattern)}: ${this.text}`);
      await this.#next();
    }
    return this.text;
  }

  /** Resolves with all that came once the connection is closed. */
  async closed(): Promise<string> {
    while (!this.#closed) await this.#next();
    return this.text;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** Number of response heads in what a raw connection read. */
export function countResponses(text: string): number {
  return text.split('HTTP/1.1 ').length - 1;
}
