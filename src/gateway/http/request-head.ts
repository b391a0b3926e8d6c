import { malformed, Refusal } from '../stages/refusal.ts';
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
  /** What the function may see, flat. Credentials, framing, hop-by-hop and forwarding fields are not in it. */
  readonly fields: string[];
  /** The Cookie fields as one; null where there is none. */
  readonly cookie: string | null;
  readonly webSocketKey: string | null;
  readonly webSocketVersion: string | null;
}

const DIGITS = /^\d{1,15}$/;

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
  if (raw.length > fieldsMax * 2) return tooManyFields();
  const head = new Collected();
  for (let i = 0; i < raw.length; i += 2) {
    const refusal = head.take(raw[i] ?? '', raw[i + 1] ?? '', httpVersion);
    if (refusal !== null) return refusal;
  }
  if (head.nominated !== null) head.fields = withoutNominated(head.fields, head.nominated);
  if (!head.hasHost) return hostRefused('no Host');
  if (head.chunked && head.contentLength !== null) return malformed('Content-Length with Transfer-Encoding');
  return head;
}

/** A head of HTTP/2, with what the pseudo-header fields say. */
export interface StreamHead extends RequestHead {
  readonly method: string;
  readonly path: string;
}

/** What a head of HTTP/2 is judged by. */
export interface StreamHeadRules {
  /** False where the head ended the request. */
  readonly hasBody: boolean;
  readonly scheme: string;
  readonly headersBytesMax: number;
  readonly headersCountMax: number;
}

// RFC 9113 section 8.2.2; `te` may say `trailers`.
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
const PSEUDO_FIELDS: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);
const UPPER_CASE = /[A-Z]/;
const FIELD_OVERHEAD_BYTES = 32;

/**
 * Reads the fields of an HTTP/2 request once (RFC 9113 section 8.3). Refuses pseudo-header fields that are
 * unknown, repeated, missing or behind others, a Host that differs from `:authority`, a scheme that is not the
 * connection's, capitals in names, fields of one connection, expectations other than `100-continue`, and
 * CONNECT in each form: WebSockets are of HTTP/1.1 here.
 */
export function readStreamHead(
  raw: readonly string[],
  { hasBody, scheme, headersBytesMax, headersCountMax }: StreamHeadRules,
): StreamHead | Refusal {
  const pseudo = new Map<string, string>();
  let first = 0;
  for (; raw[first]?.startsWith(':') === true; first += 2) {
    const name = raw[first] ?? '';
    if (!PSEUDO_FIELDS.has(name) || pseudo.has(name)) return malformed('pseudo-header fields');
    pseudo.set(name, raw[first + 1] ?? '');
  }
  if (raw.length - first > headersCountMax * 2) return tooManyFields();
  // node tells callers this limit and leaves it to them to keep to it.
  if (listBytes(raw) > headersBytesMax) {
    return new Refusal('CORDON_HEADERS_TOO_LARGE', 'headers too large', { event: 'limit.exceeded' });
  }
  const head = new Collected();
  for (let i = first; i < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (!isStreamField(name, value)) return malformed('field that HTTP/2 does not know');
    const refusal = head.take(name, value, '2.0');
    if (refusal !== null) return refusal;
  }
  const method = pseudo.get(':method') ?? '';
  const path = pseudo.get(':path') ?? '';
  const authority = pseudo.get(':authority');
  if (method === '' || method === 'CONNECT' || !path.startsWith('/'))
    return malformed('pseudo-header fields');
  if (pseudo.get(':scheme') !== scheme) return malformed('scheme');
  if (authority !== undefined) {
    if (head.hasHost && head.host.toLowerCase() !== authority.toLowerCase()) {
      return hostRefused('Host that differs from :authority');
    }
    head.host = authority;
  } else if (!head.hasHost) return hostRefused('no :authority');
  if (!hasBody && (head.contentLength ?? 0) > 0) return malformed('Content-Length without a body');
  head.chunked = hasBody && head.contentLength === null;
  return Object.assign(head, { method, path });
}

/** Size of a list of fields as RFC 9113 section 6.5.2 counts it. */
function listBytes(raw: readonly string[]): number {
  return raw.reduce((bytes, text) => bytes + text.length + FIELD_OVERHEAD_BYTES / 2, 0);
}

function isStreamField(name: string, value: string): boolean {
  if (name.startsWith(':') || UPPER_CASE.test(name) || CONNECTION_FIELDS.has(name)) return false;
  if (name === 'te') return value.toLowerCase() === 'trailers';
  return name !== 'expect' || value.toLowerCase() === '100-continue';
}

class Collected implements RequestHead {
  host = '';
  hasHost = false;
  contentLength: number | null = null;
  chunked = false;
  authorization: string | null = null;
  origin: string | null = null;
  webSocketKey: string | null = null;
  webSocketVersion: string | null = null;
  cookie: string | null = null;
  fields: string[] = [];
  /** Fields that Connection names. */
  nominated: string | null = null;

  take(name: string, value: string, httpVersion: string): Refusal | null {
    switch (dispositionOf(name)) {
      case 'pass':
        this.fields.push(name, value);
        return null;
      case 'host':
        if (this.hasHost) return hostRefused('repeated Host');
        this.host = value;
        this.hasHost = true;
        return null;
      case 'content-length':
        if (this.contentLength !== null || !DIGITS.test(value)) return malformed('Content-Length');
        this.contentLength = Number(value);
        this.fields.push(name, value);
        return null;
      case 'transfer-encoding':
        if (this.chunked || httpVersion === '1.0' || value.toLowerCase() !== 'chunked') {
          return malformed('Transfer-Encoding');
        }
        this.chunked = true;
        return null;
      case 'authorization':
        if (this.authorization !== null) return malformed('repeated Authorization');
        this.authorization = value;
        return null;
      case 'cookie':
        this.cookie = this.cookie === null ? value : `${this.cookie}; ${value}`;
        return null;
      case 'origin':
        if (this.origin !== null) return malformed('repeated Origin');
        this.origin = value;
        this.fields.push(name, value);
        return null;
      case 'connection':
        if (!isOrdinaryConnection(value)) {
          this.nominated = this.nominated === null ? value : `${this.nominated},${value}`;
        }
        return null;
      case 'websocket-key':
        // A repeated key or version cannot be valid any more.
        this.webSocketKey = this.webSocketKey === null ? value : '';
        return null;
      case 'websocket-version':
        this.webSocketVersion = this.webSocketVersion === null ? value : '';
        return null;
      case 'drop':
        return null;
    }
  }
}

function tooManyFields(): Refusal {
  return new Refusal('CORDON_HEADERS_TOO_LARGE', 'too many header fields', {
    event: 'limit.exceeded',
    closes: true,
  });
}

function hostRefused(reason: string): Refusal {
  return new Refusal('CORDON_HOST_REFUSED', reason, { event: 'request.malformed', closes: true });
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
