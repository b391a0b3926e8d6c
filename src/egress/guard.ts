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
}

/**
 * Stands between a name and a connection: every address of a name is judged, and the connection is made to
 * those very addresses, so that a name which changes its mind gains nothing.
 */
export class Guard {
  readonly #resolver: Resolver;
  readonly #unsafePrivate: boolean;

  constructor({ resolver, unsafePrivate }: GuardOptions) {
    this.#resolver = resolver;
    this.#unsafePrivate = unsafePrivate;
  }

  /** For `net.connect` and `tls.connect`. It is not asked about a host that is an address: see `checkHost`. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.addressesOf(name).then(
      (addresses) => {
        const found = addresses
          .map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
          .filter(({ family }) => !options.family || options.family === family);
        const [first] = found;
        if (options.all === true) callback(null, found);
        else if (first === undefined) callback(failed(name), '');
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, ''),
    );
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
    const verdict = judgeAddress(address, this.#unsafePrivate);
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
