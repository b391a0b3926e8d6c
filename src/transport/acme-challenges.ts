import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CordonError, LIMITS } from '../contract/index.ts';

const PREFIX = '/.well-known/acme-challenge/';
// RFC 8555 section 8.3: base64url.
const TOKEN = /^[A-Za-z0-9_-]{1,256}$/;
const TARGET = /^\/[\x21-\x7e]*$/;
const HEADERS_BYTES_MAX = 8 * 1024;
const CONNECTIONS_MAX = 256;

/**
 * Answers the challenges of HTTP-01 (RFC 8555 section 8.3) over plain HTTP. It serves nothing else: whoever
 * asks for a name of the certificate is sent to https, and everybody else gets 404.
 */
export class AcmeChallenges {
  readonly #server: Server;
  readonly #names: ReadonlySet<string>;
  readonly #answers = new Map<string, string>();

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
    const timeoutMs = LIMITS.headersTimeoutMs.value;
    this.#server = createServer(
      {
        maxHeaderSize: HEADERS_BYTES_MAX,
        headersTimeout: timeoutMs,
        requestTimeout: timeoutMs,
        connectionsCheckingInterval: 1000,
      },
      (message, response) => this.#answer(message, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves with the port. Errors: CORDON_PORT_TAKEN. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const message = `ACME challenges cannot be answered on ${address.host}:${address.port}: ${cause.message}.`;
        reject(new CordonError('CORDON_PORT_TAKEN', message, { cause }));
      });
      this.#server.listen(address, () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  add(token: string, answer: string): void {
    if (TOKEN.test(token)) this.#answers.set(token, answer);
  }

  remove(token: string): void {
    this.#answers.delete(token);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer({ method, url = '', headers }: IncomingMessage, response: ServerResponse): void {
    response.shouldKeepAlive = false;
    const host = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    const found = url.startsWith(PREFIX) ? this.#answers.get(url.slice(PREFIX.length)) : undefined;
    const isRead = method === 'GET' || method === 'HEAD';
    if (isRead && found !== undefined) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(found);
    } else if (isRead && this.#names.has(host) && TARGET.test(url) && !url.startsWith('//')) {
      response.writeHead(308, { location: `https://${host}${url}` }).end();
    } else response.writeHead(404).end();
  }
}
