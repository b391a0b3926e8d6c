import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.parse>;

/** Ranges that a grant with `unsafePrivate` opens. Everything else that is not public stays closed for good. */
const PRIVATE_RANGES: ReadonlySet<string> = new Set([
  'private',
  'loopback',
  'linkLocal',
  'uniqueLocal',
  'carrierGradeNat',
]);

/**
 * Where clouds hand out the credentials of the machine. Closed whatever a grant says, as some of them are
 * in ranges that are otherwise public.
 */
const METADATA: readonly Address[] = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
].map((text) => ipaddr.parse(text));

/** All of the IPv6 space that is assigned for the public internet (RFC 4291, IANA). */
const PUBLIC_IPV6 = ipaddr.parseCIDR('2000::/3');

export type AddressVerdict =
  | { readonly allowed: true }
  /** Name of the range, for records: `loopback`, `metadata`, `6to4`. */
  | { readonly allowed: false; readonly range: string };

/**
 * Judges one address in the form that a resolver or a socket gives. Forms of IPv6 that carry an IPv4 address
 * (mapped, compatible, 6to4, NAT64, Teredo) and zones are refused, as nothing public needs them. Without
 * `loopback`, `unsafePrivate` does not open the machine itself.
 */
export function judgeAddress(text: string, unsafePrivate: boolean, loopback = true): AddressVerdict {
  if (text.includes('%')) return { allowed: false, range: 'zone' };
  const address = parseStrictly(text);
  if (address === null) return { allowed: false, range: 'malformed' };
  if (METADATA.some((known) => equal(known, address))) return { allowed: false, range: 'metadata' };
  const range = address.range();
  if (PRIVATE_RANGES.has(range)) {
    const isOpen = unsafePrivate && (loopback || range !== 'loopback');
    return isOpen ? { allowed: true } : { allowed: false, range };
  }
  if (range !== 'unicast') return { allowed: false, range };
  if (address instanceof ipaddr.IPv6 && !address.match(PUBLIC_IPV6))
    return { allowed: false, range: 'reserved' };
  return { allowed: true };
}

/** The address in a URL's hostname, null when it is a name. */
export function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
  return parseStrictly(bare) === null ? null : bare;
}

/** Four decimal parts, or IPv6; never the short, octal and hexadecimal spellings that the library also reads. */
function parseStrictly(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) return ipaddr.parse(text);
  return null;
}

function equal(one: Address, other: Address): boolean {
  return one.kind() === other.kind() && one.toNormalizedString() === other.toNormalizedString();
}
