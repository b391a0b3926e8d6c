/** The fixed part of a header of the PROXY protocol, version 2. */
export interface ProxyPreamble {
  /** `local`: the connection is the proxy's own, as a health check is. */
  readonly command: 'local' | 'proxy';
  readonly family: 'none' | 'ipv4' | 'ipv6' | 'unix';
  /** Bytes that follow: addresses and TLVs. */
  readonly length: number;
}

export const PREAMBLE_BYTES = 16;
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const VERSION = 0x20;
const COMMANDS = ['local', 'proxy'] as const;
const STREAM = 1;
const FAMILIES = ['none', 'ipv4', 'ipv6', 'unix'] as const;
/** Source and destination, with their ports where there are any. */
const ADDRESS_BYTES = { none: 0, ipv4: 12, ipv6: 36, unix: 216 } as const;
const TLV_HEAD_BYTES = 3;
const IPV6_GROUPS = 8;

/**
 * Parses the fixed part (PROXY protocol specification, section 2.2); a text says why it is refused. Refused
 * are version 1, unknown commands and families, and transports other than streams.
 */
export function parseProxyPreamble(bytes: Buffer): ProxyPreamble | string {
  if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return 'no header of the PROXY protocol';
  const versionAndCommand = bytes.readUInt8(12);
  const command = COMMANDS[versionAndCommand & 0x0f];
  if ((versionAndCommand & 0xf0) !== VERSION || command === undefined) return 'version or command';
  const familyAndTransport = bytes.readUInt8(13);
  const family = FAMILIES[familyAndTransport >> 4];
  const transport = familyAndTransport & 0x0f;
  const length = bytes.readUInt16BE(14);
  if (family === undefined || transport > 2) return 'address family or transport';
  if ((family === 'none') !== (transport === 0)) return 'address family without its transport';
  if (command === 'proxy' && family !== 'none' && transport !== STREAM) return 'transport';
  if (command === 'proxy' && length < ADDRESS_BYTES[family]) return 'addresses that are cut short';
  return { command, family, length };
}

/**
 * The address of the caller from what follows the fixed part; null where the connection is the proxy's own,
 * or comes from no network (the UNIX family, and callers that it does not know). `reason` for a refusal.
 */
export function parseProxyAddress(
  { command, family }: ProxyPreamble,
  bytes: Buffer,
): { readonly address: string | null } | { readonly reason: string } {
  // Section 2.2: what follows LOCAL is skipped, whatever it is.
  if (command === 'local') return { address: null };
  if (!areTlvs(bytes.subarray(ADDRESS_BYTES[family]))) return { reason: 'TLVs that do not fit' };
  if (family === 'ipv4') return { address: bytes.subarray(0, 4).join('.') };
  if (family === 'ipv6') return { address: ipv6Of(bytes) };
  return { address: null };
}

/** True where the bytes are whole TLVs. None of them is believed: they say nothing that decides. */
function areTlvs(bytes: Buffer): boolean {
  let at = 0;
  while (at + TLV_HEAD_BYTES <= bytes.length) at += TLV_HEAD_BYTES + bytes.readUInt16BE(at + 1);
  return at === bytes.length;
}

function ipv6Of(bytes: Buffer): string {
  const groups: string[] = [];
  for (let i = 0; i < IPV6_GROUPS; i++) groups.push(bytes.readUInt16BE(i * 2).toString(16));
  // The URL parser writes the canonical form of RFC 5952, and the mapped form as it is.
  const canonical = new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
  const isMapped = groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff';
  return isMapped ? bytes.subarray(12, 16).join('.') : canonical;
}
