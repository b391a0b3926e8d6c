import { Refusal } from './refusal.ts';
import type { Received } from './stages.ts';

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
