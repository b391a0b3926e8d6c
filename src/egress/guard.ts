import type { LookupOptions } from 'node:dns';
import { isIPv6 } from 'node:net';
import type { LookupFunction, Socket } from 'node:net';
import { CordonError, LIMITS } from '../contract/index.ts';
import { judgeAddress, literalAddress } from './addresses.ts';
import type { Resolver } from './resolver.ts';

/** Longest queue of names that wait to be looked up is bounded by the calls of instances; this bounds each wait. */
const RESOLVE_TIMEOUT_MS = LIMITS.egressResolveTimeoutMs.value;

export interface GuardOptions {
  readonly resolver: Resolver;
  /** Allows addresses of private networks, of this machine and of the local link. */
  readonly unsafePrivate: boolean;
  /** Ports on which the platform itself listens on this machine's loopback. They are closed whatever a grant says. Default: none. */
  readonly closedPorts?: ReadonlySet<number>;
}

/**
 * Stands between a name and a connection: every address of a name is judged, and the connection is made to
 * those very addresses, so that a name which changes its mind gains nothing.
 */
export class Guard {
  readonly #resolver: Resolver;
  readonly #unsafePrivate: boolean;
  readonly #closedPorts: ReadonlySet<number>;
  readonly #loopback: boolean;
  /** The same without loopback. */
  #outward: Guard | null = null;

  constructor({ resolver, unsafePrivate, closedPorts = new Set() }: GuardOptions, loopback = true) {
    this.#resolver = resolver;
    this.#unsafePrivate = unsafePrivate;
    this.#closedPorts = closedPorts;
    this.#loopback = loopback;
  }

  /** What judges connections to a port. At most two guards come of one. */
  at(port: number): Guard {
    if (!this.#closedPorts.has(port)) return this;
    const options = { resolver: this.#resolver, unsafePrivate: this.#unsafePrivate };
    return (this.#outward ??= new Guard(options, false));
  }

  /** For `net.connect` and `tls.connect`. It is not asked about a host that is an address: see `checkHost`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    void this.#lookUp(name, options.family).then((found) => {
      // In a turn of its own: what the caller throws is not an error of the lookup.
      if (found instanceof Error) process.nextTick(callback, found, '');
      else if (options.all === true) process.nextTick(callback, null, found);
      else process.nextTick(callback, null, found[0]?.address, found[0]?.family);
    });
  };

  /** Errors: CORDON_EGRESS_DENIED when the host is an address and not an allowed one. */
  checkHost(hostname: string): void {
    const literal = literalAddress(hostname);
    if (literal !== null) this.#check(hostname, literal);
  }

  /** The last look, at what the socket is really connected to. Errors: CORDON_EGRESS_DENIED. */
  checkConnected(hostname: string, socket: Socket): void {
    this.#check(hostname, socket.remoteAddress ?? '');
  }

  /** Errors: CORDON_EGRESS_DENIED when any of them is not allowed, CORDON_EGRESS_FAILED, CORDON_EGRESS_TIMEOUT. */
  async addressesOf(name: string): Promise<readonly string[]> {
    const addresses = await this.#resolve(name);
    if (addresses.length === 0 || addresses.length > LIMITS.egressAddressesMax.value) throw failed(name);
    // One address that is not allowed condemns all: a public name has no business in a private network.
    for (const address of addresses) this.#check(name, address);
    return addresses;
  }

  /** Addresses of one family, or of both; an error rather than none. Never rejects. */
  async #lookUp(
    name: string,
    family: LookupOptions['family'],
  ): Promise<readonly { readonly address: string; readonly family: 4 | 6 }[] | Error> {
    try {
      const found = (await this.addressesOf(name))
        .map((address) => ({ address, family: isIPv6(address) ? (6 as const) : (4 as const) }))
        .filter((one) => !family || family === one.family || family === `IPv${one.family}`);
      return found.length === 0 ? failed(name) : found;
    } catch (thrown) {
      return thrown instanceof Error ? thrown : failed(name, thrown);
    }
  }

  async #resolve(name: string): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new CordonError('CORDON_EGRESS_TIMEOUT', `Looking up ${name} took too long.`)),
        RESOLVE_TIMEOUT_MS,
      );
    });
    try {
      return await Promise.race([this.#resolver.resolve(name), late]);
    } catch (thrown) {
      throw thrown instanceof CordonError ? thrown : failed(name, thrown);
    } finally {
      clearTimeout(timer);
    }
  }

  #check(host: string, address: string): void {
    const verdict = judgeAddress(address, this.#unsafePrivate, this.#loopback);
    if (verdict.allowed) return;
    throw new CordonError(
      'CORDON_EGRESS_DENIED',
      `Cannot connect to ${host}: its address is not a public one (${verdict.range}).`,
      { details: { rule: 'address', range: verdict.range, host } },
    );
  }
}

function failed(name: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_EGRESS_FAILED', `Cannot find an address of ${name}.`, {
    details: { rule: 'resolve', host: name },
    cause,
  });
}
