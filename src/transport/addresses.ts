/** The address of a socket; IPv4 also where the socket is of IPv6. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** True for an address that only this machine can reach. Names are taken as they are: `localhost` alone is one. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(plainAddress(name));
}
