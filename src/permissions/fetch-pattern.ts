import type { FetchGrant } from '../manifest/index.ts';
import type { Known } from './finding.ts';

const PATTERN = /^([a-z*][a-z0-9+*-]*):\/\/([^/?#]*)(.*)$/i;

/** Methods of a grant that names none. */
const METHODS_DEFAULT: readonly string[] = ['GET', 'HEAD'];

export function methodsOf(grant: FetchGrant): readonly string[] {
  return grant.methods ?? METHODS_DEFAULT;
}

/** Whether a grant leaves open which host is meant. One label, as in `*.example.com`, does not. */
export function isWildcard(grant: FetchGrant): boolean {
  const match = PATTERN.exec(grant.to);
  if (match === null) return grant.to.includes('*');
  const [, scheme = '', authority = ''] = match;
  const host = authority.replace(/:[\d*]+$/, '');
  if (scheme.includes('*')) return true;
  // `*.com` is as open as `*`.
  return host === '*' || /^\*\.[^.]+$/.test(host) || host.replace(/^\*\./, '').includes('*');
}

/** Whether a grant may cover a URL. What is not known of the URL is taken to fit. */
export function mayCover(grant: FetchGrant, url: Known): boolean {
  const pattern = PATTERN.exec(grant.to);
  const target = PATTERN.exec(url.text);
  if (pattern === null || target === null) return false;
  const [, scheme = '', authority = '', path = ''] = pattern;
  if (!matchesText(scheme, sameScheme(target[1] ?? ''))) return false;
  if (!matchesHost(authority, target[2] ?? '', sameScheme(target[1] ?? ''))) return false;
  return matchesPath(path === '' ? '/' : path, { text: target[3] ?? '/', whole: url.whole });
}

function sameScheme(scheme: string): string {
  return scheme.toLowerCase().replace(/^ws/, 'http');
}

function matchesHost(pattern: string, authority: string, scheme: string): boolean {
  const port = scheme === 'https' ? ':443' : ':80';
  const plain = (text: string): string =>
    (text.endsWith(port) ? text.slice(0, -port.length) : text).toLowerCase();
  const expression = plain(pattern)
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join(pattern === '*' ? '.*' : '[^.]+');
  return new RegExp(`^${expression}$`).test(plain(authority));
}

/** `*` stands for any text. A pattern fits a beginning when it fits something that begins so. */
function matchesPath(pattern: string, path: Known): boolean {
  const bare = pattern.includes('?') ? path.text : path.text.replace(/\?.*$/, '');
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
