import { canonicalHost, isCanonicalHost, literalAddress } from '../../egress/index.ts';

const PATTERN = /^(https?):\/\/(\*\.)?([^/:?#@*\s]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?(\/[^?#\s]*)?$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
const PORT_MAX = 65_535;

/** A URL pattern of a grant: scheme, host, port and path. Queries are not looked at. */
export interface UrlPattern {
  readonly protocol: string;
  /** Canonical; without the wildcard. */
  readonly host: string;
  /** True for `*.`: exactly one label before the host. */
  readonly anyLabel: boolean;
  readonly port: string;
  /** Null matches every path; `*` in it matches any run of characters, slashes included. */
  readonly path: string | null;
}

/** Null when the text is no pattern. No path, or `/*`, means every path. */
export function parsePattern(text: string): UrlPattern | null {
  const [whole, scheme = '', wildcard, name = '', port, path] = PATTERN.exec(text) ?? [];
  if (whole === undefined || (port !== undefined && Number(port) > PORT_MAX)) return null;
  const host = canonicalHost(name);
  const anyLabel = wildcard !== undefined;
  if (host === null || (anyLabel && literalAddress(host) !== null)) return null;
  const protocol = `${scheme}:`;
  return {
    protocol,
    host,
    anyLabel,
    port: port === undefined ? (DEFAULT_PORTS[protocol] ?? '') : String(Number(port)),
    // The URL parser spells the path as it will spell that of requests; it leaves `*` alone.
    path: path === undefined || path === '/*' ? null : new URL(`http://h${path}`).pathname,
  };
}

/** True when a request for the URL is within the pattern. The URL has been checked by `readTarget`. */
export function matchesPattern(pattern: UrlPattern, url: URL): boolean {
  if (url.protocol !== pattern.protocol || portOf(url) !== pattern.port) return false;
  if (pattern.anyLabel ? !hasOneLabelBefore(url.hostname, pattern.host) : url.hostname !== pattern.host)
    return false;
  if (pattern.path === null) return true;
  return !climbs(url.pathname) && matchesPath(pattern.path, url.pathname);
}

/** The URL of a request, or null when it is not one that may be asked for at all. */
export function readTarget(text: string): URL | null {
  const url = URL.parse(text);
  if (url === null || !(url.protocol in DEFAULT_PORTS)) return null;
  if (url.username !== '' || url.password !== '' || !isCanonicalHost(url.hostname)) return null;
  url.hash = '';
  return url;
}

export function portOf(url: URL): string {
  return url.port === '' ? (DEFAULT_PORTS[url.protocol] ?? '') : url.port;
}

function hasOneLabelBefore(hostname: string, host: string): boolean {
  if (!hostname.endsWith(`.${host}`)) return false;
  const label = hostname.slice(0, -host.length - 1);
  return label !== '' && !label.includes('.');
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
