import { isOpenPattern, matchesOrigin, parseUrlPattern } from '../manifest/index.ts';
import type { FetchGrant } from '../manifest/index.ts';
import type { Known } from './finding.ts';

const TARGET = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)(.*)$/is;

/** Methods of a grant that names none. */
const METHODS_DEFAULT: readonly string[] = ['GET', 'HEAD'];

export function methodsOf(grant: FetchGrant): readonly string[] {
  return grant.methods ?? METHODS_DEFAULT;
}

/** Methods of which one is enough for a granted method to be of use: by default GET and HEAD are granted as one. */
export function standsFor(grant: FetchGrant, method: string): readonly string[] {
  return grant.methods === undefined && method === 'GET' ? METHODS_DEFAULT : [method];
}

/** Whether a grant leaves open which host is meant. */
export function isWildcard({ to }: FetchGrant): boolean {
  const pattern = parseUrlPattern(to);
  return pattern !== null && isOpenPattern(pattern);
}

/** Whether a grant may cover a URL. What is not known of the URL is taken to fit. */
export function mayCover({ to }: FetchGrant, { text, whole }: Known): boolean {
  const pattern = parseUrlPattern(to);
  const [, origin = '', path = ''] = TARGET.exec(text) ?? [];
  // A WebSocket is opened by a request.
  const url = URL.parse(origin.replace(/^ws/i, 'http'));
  if (pattern === null || url === null || !matchesOrigin(pattern, url)) return false;
  return pattern.path === null || matchesPath(pattern.path, { text: path === '' ? '/' : path, whole });
}

/** `*` stands for any text. A pattern fits a beginning when it fits something that begins so. */
function matchesPath(pattern: string, path: Known): boolean {
  const bare = path.text.replace(/[?#].*$/s, '');
  if (path.whole) return matchesText(pattern, bare);
  const fixed = pattern.split('*')[0] ?? '';
  if (!pattern.includes('*')) return fixed.startsWith(bare);
  return fixed.startsWith(bare) || bare.startsWith(fixed);
}

function matchesText(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return text === pattern;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? '';
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
