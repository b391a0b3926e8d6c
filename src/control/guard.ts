import type { IncomingMessage } from 'node:http';
import { CordonError } from '../contract/index.ts';

/** Names by which this machine reaches itself. Another name in Host means DNS rebinding. */
const HOSTS = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i;
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1)$/;
const BEARER = /^Bearer ([\x21-\x7e]{1,256})$/i;

/** The address to bind for `host`. Errors: CORDON_ADDRESS_REFUSED for whatever is not loopback. */
export function loopbackAddress(host: string): string {
  const address = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1');
  if (LOOPBACK.test(address)) return address;
  throw new CordonError(
    'CORDON_ADDRESS_REFUSED',
    `Cannot serve the control API on ${host}: it is not loopback.`,
    {
      details: { host },
    },
  );
}

/**
 * Refuses a request that a web page could have caused: another name in Host (DNS rebinding), an Origin,
 * or the mark that browsers put on what a page asks for.
 * Errors: CORDON_HOST_REFUSED, CORDON_ORIGIN_REFUSED.
 */
export function refuseBrowsers(request: IncomingMessage): void {
  const hosts = request.headersDistinct['host'] ?? [];
  const [host] = hosts;
  if (hosts.length !== 1 || host === undefined || !HOSTS.test(host)) {
    const shown = JSON.stringify(hosts.join(', ').slice(0, 255));
    throw new CordonError(
      'CORDON_HOST_REFUSED',
      `Cannot serve ${shown}: the control API answers to loopback names only.`,
    );
  }
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin !== undefined || (site !== undefined && site !== 'none')) {
    throw new CordonError('CORDON_ORIGIN_REFUSED');
  }
}

/** The token that the request carries. Errors: CORDON_TOKEN_MISSING, CORDON_TOKEN_REFUSED. */
export function bearerToken(request: IncomingMessage): string {
  const values = request.headersDistinct['authorization'] ?? [];
  const [value] = values;
  if (value === undefined) throw new CordonError('CORDON_TOKEN_MISSING');
  const token = values.length === 1 ? BEARER.exec(value)?.[1] : undefined;
  if (token === undefined) throw new CordonError('CORDON_TOKEN_REFUSED');
  return token;
}
