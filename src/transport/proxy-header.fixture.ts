const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** A header of the PROXY protocol, version 2, right or wrong. */
export function proxyHeader(versionAndCommand: number, familyAndTransport: number, rest: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt8(versionAndCommand, 0);
  head.writeUInt8(familyAndTransport, 1);
  head.writeUInt16BE(rest.length, 2);
  return Buffer.concat([SIGNATURE, head, rest]);
}

export function addressTlv(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

/** The header that says that an IPv4 address calls. */
export function proxyHeaderFrom(address: string): Buffer {
  const source = address.split('.').map(Number);
  return proxyHeader(0x21, 0x11, Buffer.from([...source, 127, 0, 0, 1, 0, 80, 0, 80]));
}
