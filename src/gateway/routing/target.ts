import { Refusal } from '../stages/refusal.ts';
import { parseHost } from './host.ts';

/** What a request is about, parsed once. Routing, authorization and the function see this same value. */
export interface Target {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Lower case, without port. */
  readonly host: string;
  /** Lower case, with a port that is not the scheme's own. */
  readonly authority: string;
  /** Canonical: needless escapes decoded, the hex digits of others in upper case. */
  readonly path: string;
  /** Decoded segments of `path`; a trailing slash makes a last, empty one. `/` is one empty segment. */
  readonly segments: readonly string[];
  /** As it was sent, without `?`; empty where there is none. */
  readonly query: string;
  /** `?` and the query, or empty. */
  readonly search: string;
}

/** The parts of a message that a target is made of. */
export interface TargetInput {
  readonly method: string;
  /** Request target of the request line. */
  readonly target: string;
  /** Value of the one Host field. */
  readonly host: string;
  readonly scheme: 'http' | 'https';
  /** Longest request target, in bytes. */
  readonly urlBytesMax: number;
}

// RFC 3986 `pchar` without `;`: parameters inside a path are read by some parsers and not by others.
const PLAIN = /^(?:\/[A-Za-z0-9\-._~!$&'()*+,=:@]*)+$/;
const ESCAPED = /^(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@]|%[0-9A-Fa-f]{2})*)+$/;
const EMPTY_SEGMENT = /\/\//;
const DOT_SEGMENT = /\/\.\.?(?:\/|$)/;
const QUERY = /^[\x21\x22\x24-\x7e]*$/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
// Separators, controls, and an escaped percent sign that forms a second layer of escapes.
const ESCAPE_REFUSED = /%(?:2[fF]|5[cC]|3[bB]|[01][0-9A-Fa-f]|7[fF]|25[0-9A-Fa-f]{2})/;
const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)$/;

/**
 * Parses the target of a request, or refuses it. Refused are paths that two parsers could read in two
 * ways: encoded separators (`/`, `\`, `;`), encoded or plain dot segments, empty segments, `;`,
 * backslashes, controls, non-ASCII, malformed or doubled percent-escapes, characters outside RFC 3986.
 * The absolute form has to agree with Host; asterisk and authority form are refused.
 */
export function parseTarget(input: TargetInput): Target | Refusal {
  const { method, scheme } = input;
  let origin = input.target;
  if (origin.length > input.urlBytesMax) {
    return new Refusal('CORDON_URL_TOO_LONG', 'request target too long', {
      event: 'limit.exceeded',
      closes: true,
    });
  }
  const host = parseHost(input.host, scheme === 'http' ? '80' : '443');
  if (host === null) {
    return new Refusal('CORDON_HOST_REFUSED', 'malformed Host', { event: 'request.malformed', closes: true });
  }
  if (origin.charCodeAt(0) !== 0x2f) {
    const stripped = stripOrigin(origin, scheme, host.authority);
    if (stripped instanceof Refusal) return stripped;
    origin = stripped;
  }
  const mark = origin.indexOf('?');
  const rawPath = mark === -1 ? origin : origin.slice(0, mark);
  const search = mark === -1 || mark === origin.length - 1 ? '' : origin.slice(mark);
  if (search !== '' && !QUERY.test(search)) return refused('character that a query cannot hold');
  const path = PLAIN.test(rawPath) ? rawPath : canonicalPath(rawPath);
  if (path instanceof Refusal) return path;
  if (EMPTY_SEGMENT.test(path)) return refused('empty path segment');
  if (DOT_SEGMENT.test(path)) return refused('dot segment');
  const segments = path.slice(1).split('/');
  if (path.includes('%')) {
    try {
      for (let i = 0; i < segments.length; i++) segments[i] = decodeURIComponent(segments[i] ?? '');
    } catch {
      return refused('percent-escapes that are not UTF-8');
    }
  }
  const query = search === '' ? '' : search.slice(1);
  return { method, scheme, host: host.name, authority: host.authority, path, segments, query, search };
}

function refused(reason: string): Refusal {
  return new Refusal('CORDON_TARGET_REFUSED', reason, { event: 'request.target_refused' });
}

function canonicalPath(rawPath: string): string | Refusal {
  if (!ESCAPED.test(rawPath)) return refused('character or percent-escape that a path cannot hold');
  const path = rawPath.replace(ESCAPE, (escape, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
  // After decoding: `%25%34%31` has only now become `%2541`.
  return ESCAPE_REFUSED.test(path) ? refused('encoded separator, control or percent sign') : path;
}

/** Turns the absolute form (RFC 9112 section 3.2.2) into the origin form. */
function stripOrigin(target: string, scheme: string, authority: string): string | Refusal {
  const parts = ABSOLUTE.exec(target);
  if (parts === null) return refused('target in neither origin nor absolute form');
  const [, targetScheme = '', targetAuthority = '', rest = ''] = parts;
  const targetHost = parseHost(targetAuthority, scheme === 'http' ? '80' : '443');
  if (targetScheme.toLowerCase() !== scheme || targetHost?.authority !== authority) {
    return refused('absolute target that disagrees with Host');
  }
  return rest.startsWith('/') ? rest : `/${rest}`;
}
