import { isOwnCookie } from '../../identity/index.ts';
import type { FlatHeaders } from '../../instance/index.ts';
import { SECURITY_HEADERS } from '../../manifest/index.ts';
import type { ResponsePolicy } from './response-policy.ts';
import { remembered } from './remembered.ts';

/** The head of a function's answer, fit to be written. */
export interface ResponseHead {
  /** Flat, without framing and fields of one hop. */
  readonly fields: string[];
  /** What the function says its body measures; null where it does not. */
  readonly contentLength: number | null;
}

type Disposition = 'pass' | 'drop' | 'content-length' | 'guarded' | 'cookie' | 'invalid';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 9110 section 5.5: no CR, LF, NUL or other control but HTAB, nothing past one byte.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NAMELESS = /^[\t =]+/;
const DIGITS = /^\d{1,15}$/;

/**
 * Framing and one hop's fields are the gateway's. `alt-svc` would let one app move the traffic of every
 * app on the host.
 */
const DROPPED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
  'alt-svc',
  'x-request-id',
]);
const DROPPED_PREFIX = /^(?:proxy-|sec-websocket-|x-cordon-)/;

/** Fields that protect whoever reads the answer. A function sets them where its route says so. */
const GUARDED: ReadonlySet<string> = new Set(SECURITY_HEADERS);

const dispositionOf = remembered(judge);

/** Judges the head that a function answered with; a text says why it cannot be written. */
export function readResponseHead(
  status: number,
  headers: FlatHeaders,
  bytesMax: number,
  policy: Pick<ResponsePolicy, 'isOwned'>,
): ResponseHead | string {
  if (!Number.isInteger(status) || status < 200 || status > 599) return `status ${status}`;
  if (headers.length % 2 !== 0) return 'a field without a value';
  const fields: string[] = [];
  let contentLength: number | null = null;
  let bytes = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    bytes += name.length + value.length + 4;
    const disposition = dispositionOf(name);
    if (disposition === 'invalid') return 'a field name that is not a token';
    if (!VALUE.test(value)) return `characters in the value of ${name} that a field cannot hold`;
    if (disposition === 'pass' || (disposition === 'guarded' && !policy.isOwned(name.toLowerCase())))
      fields.push(name, value);
    else if (disposition === 'cookie') {
      // A function could put the login of somebody else into a browser.
      if (!isOwnCookie(cookieName(value))) fields.push(name, value);
    } else if (disposition === 'content-length') {
      if (!DIGITS.test(value) || (contentLength !== null && contentLength !== Number(value)))
        return 'Content-Length';
      contentLength = Number(value);
    }
  }
  return bytes > bytesMax ? 'more bytes of headers than allowed' : { fields, contentLength };
}

function judge(name: string): Disposition {
  if (!TOKEN.test(name)) return 'invalid';
  const lower = name.toLowerCase();
  if (lower === 'content-length') return 'content-length';
  if (lower === 'set-cookie') return 'cookie';
  if (GUARDED.has(lower) || lower.startsWith('access-control-')) return 'guarded';
  return DROPPED.has(lower) || DROPPED_PREFIX.test(lower) ? 'drop' : 'pass';
}

/**
 * Name of the cookie that a Set-Cookie field sets. One without a name comes back as its value alone, which
 * then reads as a name (RFC 6265bis sections 5.6 and 5.8.3).
 */
function cookieName(value: string): string {
  const pair = (value.split(';', 1)[0] ?? '').replace(NAMELESS, '');
  const at = pair.indexOf('=');
  return (at === -1 ? pair : pair.slice(0, at)).trim();
}
