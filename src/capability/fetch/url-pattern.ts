import { defaultPort, isCanonicalHost, matchesOrigin } from '../../manifest/index.ts';
import type { UrlPattern } from '../../manifest/index.ts';

/** True when a request for the URL is within the pattern. The URL has been checked by `readTarget`. */
export function matchesPattern(pattern: UrlPattern, url: URL): boolean {
  if (!matchesOrigin(pattern, url)) return false;
  if (pattern.path === null) return true;
  return !climbs(url.pathname) && matchesPath(pattern.path, url.pathname);
}

/** The URL of a request, or null when it is not one that may be asked for at all. */
export function readTarget(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || defaultPort(url.protocol) === null) return null;
  if (url.username !== '' || url.password !== '' || !isCanonicalHost(url.hostname)) return null;
  url.hash = '';
  return url;
}

/** A path that a server may read as leaving its folder, however often it decodes it. */
function climbs(pathname: string): boolean {
  let path = pathname;
  for (let round = 0; round < 3; round += 1) {
    if (path.split(/[/\\]/).some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) return true;
    const decoded = path.replaceAll(/%(2e|2f|5c|25|3b)/gi, (code) => decodeURIComponent(code));
    if (decoded === path) return false;
    path = decoded;
  }
  return true;
}

/** Glob matching in time linear in the path for each star: it takes the first place that fits. */
function matchesPath(pattern: string, path: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return path === first;
  if (!path.startsWith(first) || !path.endsWith(last)) return false;
  const end = path.length - last.length;
  let position = first.length;
  for (const piece of rest) {
    const found = path.indexOf(piece, position);
    if (found === -1) return false;
    position = found + piece.length;
  }
  return position <= end;
}
