import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { Refusal } from '../stages/refusal.ts';
import type { Received } from '../stages/stages.ts';

const KEY = /^[A-Za-z0-9+/]{22}==$/;
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$/;
const PROTOCOLS_MAX = 20;

/** Checks the caller's half of a WebSocket handshake (RFC 6455 section 4.2.1), before any function runs. */
export function checkHandshake(received: Received): Refusal | null {
  const { head, target } = received;
  if (target.method !== 'GET') return upgradeRefused('method');
  if (head.chunked || (head.contentLength ?? 0) > 0) return upgradeRefused('body');
  if (head.webSocketVersion !== '13') return upgradeRefused('version');
  if (head.webSocketKey === null || !KEY.test(head.webSocketKey)) return upgradeRefused('key');
  return offeredProtocols(head.fields) === null ? upgradeRefused('protocol') : null;
}

/** Subprotocols that the caller offers; null where the field is malformed. */
export function offeredProtocols(fields: readonly string[]): readonly string[] | null {
  const offered: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() !== 'sec-websocket-protocol') continue;
    offered.push(...(fields[i + 1] ?? '').split(',').map((protocol) => protocol.trim()));
  }
  const valid = offered.length <= PROTOCOLS_MAX && offered.every((protocol) => PROTOCOL.test(protocol));
  return valid && new Set(offered).size === offered.length ? offered : null;
}

function upgradeRefused(what: string): Refusal {
  return new Refusal('CORDON_UPGRADE_REFUSED', `handshake: ${what}`, {
    event: 'request.malformed',
    headers: ['upgrade', 'websocket', 'sec-websocket-version', '13'],
    closes: true,
  });
}

/** The function's half of a handshake. */
export interface HandshakeAnswer {
  /** Subprotocol that it chose among those offered. */
  readonly protocol: string | null;
  /** Fields to add, flat and judged. */
  readonly fields: readonly string[];
}

/** Completes handshakes. `ws` is wrapped here and nowhere else. */
export class Handshaker {
  readonly #server: WebSocketServer;
  readonly #answers = new WeakMap<IncomingMessage, HandshakeAnswer>();

  /** `messageBytesMax`: longest message of a caller; a longer one closes its WebSocket with 1009. */
  constructor(messageBytesMax: number) {
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: messageBytesMax,
      // Compression costs each connection memory that the caller controls.
      perMessageDeflate: false,
      handleProtocols: (_offered, message) => this.#answers.get(message)?.protocol ?? false,
    });
    this.#server.on('headers', (lines, message) => {
      const fields = this.#answers.get(message)?.fields ?? [];
      for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i] ?? ''}: ${fields[i + 1] ?? ''}`);
    });
  }

  /** Calls back with the open WebSocket, unless the caller has gone. `early`: bytes that followed the request. */
  complete(
    message: IncomingMessage,
    socket: Socket,
    early: Buffer,
    answer: HandshakeAnswer,
    opened: (webSocket: WebSocket) => void,
  ): void {
    this.#answers.set(message, answer);
    this.#server.handleUpgrade(message, socket, early, opened);
  }
}
