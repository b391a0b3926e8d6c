/** A Host field, parsed. */
export interface Host {
  /** Lower case, without port; IPv6 in brackets. */
  readonly name: string;
  /** Lower case, with the port where it was given and is not the scheme's own. */
  readonly authority: string;
}

const NAME_BYTES_MAX = 253;
const NAME = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;
const LAST_LABEL_NUMERIC = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;
const PORT = /^[1-9]\d{0,4}$/;

/**
 * Parses a Host field (RFC 9110 section 7.2), or returns null. Names are letters, digits, hyphens and
 * underscores: container networks name hosts with underscores, and as `hosts` in a manifest cannot hold
 * one, such a name only ever reaches apps that name no host. A trailing dot, percent-encoding, user
 * information, a zone id and numbers that only resemble an IPv4 address are refused.
 */
export function parseHost(field: string, schemePort: string): Host | null {
  const value = field.toLowerCase();
  const colon = value.lastIndexOf(':');
  const hasPort = colon > value.lastIndexOf(']') && colon !== -1;
  const name = hasPort ? value.slice(0, colon) : value;
  const port = hasPort ? value.slice(colon + 1) : '';
  if (hasPort && (!PORT.test(port) || Number(port) > 65_535)) return null;
  if (!isHostName(name)) return null;
  return { name, authority: !hasPort || port === schemePort ? name : value };
}

function isHostName(name: string): boolean {
  if (name.length > NAME_BYTES_MAX) return false;
  if (name.startsWith('[')) return IPV6.test(name) && URL.canParse(`http://${name}/`);
  if (!NAME.test(name)) return false;
  // WHATWG URL reads `127.1`, `0x7f.1` and `2130706433` as IPv4; a second reading is refused here.
  return !LAST_LABEL_NUMERIC.test(name) || IPV4.test(name);
}
