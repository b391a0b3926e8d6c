const HOST_LENGTH_MAX = 253;

/**
 * The one spelling of a host, as WHATWG URL makes it: lower case, punycode, IPv4 in four decimal parts
 * whatever its spelling was, IPv6 in brackets. Null for what is no host, and for a name with a dot at the
 * end, which would be a second spelling of the same name.
 */
export function canonicalHost(text: string): string | null {
  if (/[/?#@\\\s:]/.test(text) && !/^\[[0-9a-fA-F:.]+\]$/.test(text)) return null;
  const url = URL.parse(`http://${text}/`);
  if (url === null || url.port !== '') return null;
  return isCanonicalHost(url.hostname) ? url.hostname : null;
}

/** For the hostname of a parsed URL. */
export function isCanonicalHost(hostname: string): boolean {
  return hostname !== '' && hostname.length <= HOST_LENGTH_MAX && !hostname.endsWith('.');
}
