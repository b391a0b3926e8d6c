import { BlockList, isIP } from 'node:net';
import { CordonError, LIMITS } from '../contract/index.ts';
import { plainAddress } from './addresses.ts';

/** Where a request comes from. */
export interface Origin {
  /** Empty where a trusted proxy said what cannot be read. */
  readonly address: string;
  readonly scheme: 'http' | 'https';
}

const NOWHERE: Origin = { address: '', scheme: 'http' };
const RANGE = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/;

/** The proxies whose word is taken on who calls. By address alone: whoever else says it, says nothing. */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #hopsMax: number;

  /** `ranges`: CIDR, or single addresses. Errors: CORDON_USAGE. */
  constructor(ranges: readonly string[], hopsMax: number = LIMITS.forwardedHopsMax.value) {
    if (ranges.length > LIMITS.trustedProxiesMax.value) {
      throw new CordonError('CORDON_USAGE', 'More ranges of trusted proxies are given than allowed.');
    }
    this.#hopsMax = hopsMax;
    for (const range of ranges) this.#add(range);
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  /**
   * The caller of a trusted proxy by its X-Forwarded-For: the rightmost address that is not a trusted proxy
   * itself, as what stands to the left of it is its own word. Without the field it is the proxy. Its
   * X-Forwarded-Proto is the scheme. A field that cannot be read is not skipped: `address` is empty then.
   */
  callerOf(rawHeaders: readonly string[], peer: Origin): Origin {
    const hops: string[] = [];
    const schemes: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i]?.toLowerCase();
      if (name === 'x-forwarded-for') hops.push(...(rawHeaders[i + 1] ?? '').split(','));
      else if (name === 'x-forwarded-proto') schemes.push((rawHeaders[i + 1] ?? '').toLowerCase());
    }
    const [scheme = peer.scheme] = schemes;
    if (schemes.length > 1 || (scheme !== 'http' && scheme !== 'https')) return NOWHERE;
    let { address } = peer;
    for (const hop of hops.slice(-this.#hopsMax).toReversed()) {
      address = plainAddress(hop.trim().toLowerCase());
      if (isIP(address) === 0 || address.includes('%')) return NOWHERE;
      if (!this.has(address)) return { address, scheme };
    }
    return hops.length > this.#hopsMax ? NOWHERE : { address, scheme };
  }

  #add(range: string): void {
    const [, address = '', bits] = RANGE.exec(range) ?? [];
    const family = isIP(address);
    const bitsMax = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? bitsMax : Number(bits);
    if (family === 0 || prefix > bitsMax) {
      const message = `${JSON.stringify(range)} is neither an address nor an address range such as 10.0.0.0/8.`;
      throw new CordonError('CORDON_USAGE', message);
    }
    if (prefix === 0) {
      const message = `${JSON.stringify(range)} would trust every caller to say who it is.`;
      throw new CordonError('CORDON_USAGE', message);
    }
    this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
}
