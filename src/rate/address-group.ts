import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

const NO_ADDRESS = 'unknown';
/** Of the eight parts of an IPv6 address, those that name its /64. */
const NETWORK_PARTS = 4;

/**
 * Whom an address stands for when it is counted: an IPv4 address, also where it is mapped into IPv6
 * (RFC 4291 section 2.5.5.2), or the /64 of an IPv6 address, all of which one host has to itself (RFC 6177).
 * What is no address is `unknown`, all of it together.
 */
export function addressGroup(address: string): string {
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return NO_ADDRESS;
  const parsed = ipaddr.IPv6.parse(address);
  if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
  const network = parsed.parts.slice(0, NETWORK_PARTS).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
