import { hostname, networkInterfaces } from 'node:os';

/** An address and a name of this machine that are not those of loopback, where it has any. */
export function ownNames(): { readonly address: string; readonly host: string } {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  // Where there is no other address or name, one more of those that every machine has.
  const address = own?.address ?? '127.0.0.2';
  const host = /^[a-z0-9][a-z0-9-]*$/.test(hostname()) ? hostname() : 'ip6-localhost';
  return { address, host };
}
