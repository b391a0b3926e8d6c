import { malformed, Refusal } from './refusal.ts';
import { dispositionOf } from './request-fields.ts';

/** The head of a request: its framing checked, its fields sorted into what a function may see. */
export interface RequestHead {
  /** Value of the one Host field. */
  readonly host: string;
  /** Null where no Content-Length was sent. */
  readonly contentLength: number | null;
  readonly chunked: boolean;
  /** Value of the one Authorization field; null where there is none. */
  readonly authorization: string | null;
  readonly origin: string | null;
  /** Value of Upgrade in lower case; null where there is none. */
  readonly upgrade: string | null;
  /** What the function may see, flat. Credentials, framing, hop-by-hop and forwarding fields are not in it. */
  readonly fields: string[];
  /** Values of the Cookie fields. */
  readonly cookies: readonly string[];
  readonly webSocketKey: string | null;
  readonly webSocketVersion: string | null;
}

const DIGITS = /^\d{1,15}$/;
const NO_COOKIES: readonly string[] = [];

/**
 * Reads `rawHeaders` once. Refuses what node's parser lets through but two servers could read in two ways:
 * a repeated Host, a Transfer-Encoding other than exactly `chunked`, or any in HTTP/1.0 (RFC 9112
 * section 6.1), a repeated Authorization, more fields than `fieldsMax`.
 */
export function readRequestHead(
  raw: readonly string[],
  httpVersion: string,
  fieldsMax: number,
): RequestHead | Refusal {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return malformed('HTTP version');
  if (raw.length > fieldsMax * 2) {
    return new Refusal('CORDON_HEADERS_TOO_LARGE', 'too many header fields', {
      event: 'limit.exceeded',
      closes: true,
    });
  }
  let host: string | null = null;
  let contentLength: number | null = null;
  let chunked = false;
  let authorization: string | null = null;
  let origin: string | null = null;
  let upgrade: string | null = null;
  let webSocketKey: string | null = null;
  let webSocketVersion: string | null = null;
  let nominated: string | null = null;
  let cookies: string[] | null = null;
  let fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    switch (dispositionOf(name)) {
      case 'pass':
        fields.push(name, value);
        break;
      case 'host':
        if (host !== null) return hostRepeated();
        host = value;
        break;
      case 'content-length':
        if (contentLength !== null || !DIGITS.test(value)) return malformed('Content-Length');
        contentLength = Number(value);
        fields.push(name, value);
        break;
      case 'transfer-encoding':
        if (chunked || httpVersion === '1.0' || value.toLowerCase() !== 'chunked')
          return malformed('Transfer-Encoding');
        chunked = true;
        break;
      case 'authorization':
        if (authorization !== null) return malformed('repeated Authorization');
        authorization = value;
        break;
      case 'cookie':
        (cookies ??= []).push(value);
        break;
      case 'origin':
        if (origin !== null) return malformed('repeated Origin');
        origin = value;
        fields.push(name, value);
        break;
      case 'connection':
        if (!isOrdinaryConnection(value)) nominated = nominated === null ? value : `${nominated},${value}`;
        break;
      case 'upgrade':
        upgrade = upgrade === null ? value.toLowerCase() : `${upgrade},${value}`;
        break;
      case 'websocket-key':
        // A repeated key or version cannot be valid any more.
        webSocketKey = webSocketKey === null ? value : '';
        break;
      case 'websocket-version':
        webSocketVersion = webSocketVersion === null ? value : '';
        break;
      case 'drop':
        break;
    }
  }
  if (host === null)
    return new Refusal('CORDON_HOST_REFUSED', 'no Host', { event: 'request.malformed', closes: true });
  if (chunked && contentLength !== null) return malformed('Content-Length with Transfer-Encoding');
  if (nominated !== null) fields = withoutNominated(fields, nominated);
  return {
    host,
    contentLength,
    chunked,
    authorization,
    origin,
    upgrade,
    fields,
    cookies: cookies ?? NO_COOKIES,
    webSocketKey,
    webSocketVersion,
  };
}

function hostRepeated(): Refusal {
  return new Refusal('CORDON_HOST_REFUSED', 'repeated Host', { event: 'request.malformed', closes: true });
}

function isOrdinaryConnection(value: string): boolean {
  switch (value.toLowerCase()) {
    case 'keep-alive':
    case 'close':
    case 'upgrade':
    case 'keep-alive, upgrade':
      return true;
    default:
      return false;
  }
}

/** Removes the fields that Connection names (RFC 9110 section 7.6.1); they were for this hop alone. */
function withoutNominated(fields: readonly string[], nominated: string): string[] {
  const names = new Set(nominated.split(',').map((name) => name.trim().toLowerCase()));
  const kept: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, fields[i + 1] ?? '');
  }
  return kept;
}
