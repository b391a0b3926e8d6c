import { isIP } from 'node:net';
import { canonicalHost } from './host-name.ts';

const PATTERN = /^(https?):\/\/(\*\.)?([^/:?#@*\s]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?(\/[^?#\s]*)?$/;
const SERVICE = /^([^\s/@:]+):(\d{1,5})$/;
const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http:', '80'],
  ['https:', '443'],
]);
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
export function parseUrlPattern(text: string): UrlPattern | null {
  const [whole, scheme = '', wildcard, name = '', port, path] = PATTERN.exec(text) ?? [];
  if (whole === undefined || (port !== undefined && !isPort(Number(port)))) return null;
  const host = canonicalHost(name);
  const anyLabel = wildcard !== undefined;
  if (host === null || (anyLabel && isIP(host.replaceAll(/[[\]]/g, '')) !== 0)) return null;
  const protocol = `${scheme}:`;
  return {
    protocol,
    host,
    anyLabel,
    port: port === undefined ? (defaultPort(protocol) ?? '') : String(Number(port)),
    // The URL parser spells the path as it will spell that of requests; it leaves `*` alone.
    path: path === undefined || path === '/*' ? null : new URL(`http://h${path}`).pathname,
  };
}

/** True when scheme, host and port of a URL are those of a pattern. */
export function matchesOrigin(pattern: UrlPattern, url: URL): boolean {
  const port = url.port === '' ? defaultPort(url.protocol) : url.port;
  if (url.protocol !== pattern.protocol || port !== pattern.port) return false;
  return pattern.anyLabel ? hasOneLabelBefore(url.hostname, pattern.host) : url.hostname === pattern.host;
}

/** True when a pattern leaves open who is meant: one label before a domain says it, one before `com` does not. */
export function isOpenPattern({ anyLabel, host }: UrlPattern): boolean {
  return anyLabel && !host.includes('.');
}

/** The port that a URL of this protocol, such as `https:`, means without naming one; null for what is not HTTP. */
export function defaultPort(protocol: string): string | null {
  return DEFAULT_PORTS.get(protocol) ?? null;
}

/** One TCP service of a grant. */
export interface TcpService {
  /** Canonical. */
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; null when the text is none. */
export function parseTcpService(text: string): TcpService | null {
  const [, name = '', number = ''] = SERVICE.exec(text) ?? [];
  const host = canonicalHost(name);
  const port = Number(number);
  return host === null || !isPort(port) ? null : { host, port };
}

function hasOneLabelBefore(hostname: string, host: string): boolean {
  if (!hostname.endsWith(`.${host}`)) return false;
  const label = hostname.slice(0, -host.length - 1);
  return label !== '' && !label.includes('.');
}

function isPort(port: number): boolean {
  return port >= 1 && port <= PORT_MAX;
}
