import { TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Socket } from 'node:net';
import { LIMITS } from '../contract/index.ts';
import type { Proxied, Refused, Secured, TlsOptions, TransportLimits, TransportOptions } from './port.ts';
import { parseProxyAddress, parseProxyPreamble, PREAMBLE_BYTES } from './proxy-header.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** Protocols of the handshake, in the order in which they are preferred. */
const ALPN = ['h2', 'http/1.1'];
/** RFC 8737: an ACME server looks whether the name is served here. */
const ACME_ALPN = 'acme-tls/1';
const NO_PROXIES = new TrustedProxies([]);

/**
 * What stands between an accepted socket and its first request: the header of a trusted proxy, and the TLS
 * handshake. Both have a deadline, and how many are waited for is bounded.
 */
export class Entrance {
  readonly proxies: TrustedProxies;
  /** True where trusted proxies begin with a header of the PROXY protocol. */
  readonly readsProxyHeader: boolean;
  readonly #tls: TlsOptions | null;
  readonly #limits: TransportLimits;
  readonly #protocols: readonly string[];
  #inFlight = 0;

  /** Errors: CORDON_USAGE. */
  constructor(options: TransportOptions = { tls: null, proxy: null }) {
    this.#tls = options.tls;
    this.#limits = { ...defaultLimits(), ...options.limits };
    this.#protocols = options.protocols ?? ALPN;
    const { proxy } = options;
    this.proxies =
      proxy === null ? NO_PROXIES : new TrustedProxies(proxy.trusted, this.#limits.forwardedHopsMax);
    this.readsProxyHeader = proxy?.header === true;
  }

  get isSecure(): boolean {
    return this.#tls !== null;
  }

  /** Handshakes and headers that are waited for. */
  get inFlight(): number {
    return this.#inFlight;
  }

  trusts(address: string): boolean {
    return this.proxies.has(address);
  }

  /** Reads exactly the header. `done` is called once, unless the socket ends before. */
  readProxyHeader(socket: Socket, done: (result: Proxied) => void): void {
    const finish = this.#begin(
      socket,
      this.#limits.proxyHeaderTimeoutMs,
      'header of the PROXY protocol',
      done,
    );
    if (finish === null) return;
    const conclude = (result: Proxied): void => {
      socket.off('readable', read);
      finish(result);
    };
    let preamble: Exclude<ReturnType<typeof parseProxyPreamble>, string> | null = null;
    const read = (): void => {
      if (preamble === null) {
        const bytes = socket.read(PREAMBLE_BYTES) as Buffer | null;
        if (bytes === null) return;
        const parsed = bytes.length === PREAMBLE_BYTES ? parseProxyPreamble(bytes) : 'a header cut short';
        if (typeof parsed === 'string') return conclude(malformed(parsed));
        if (parsed.length > this.#limits.proxyHeaderBytesMax)
          return conclude(tooMuch('header of the PROXY protocol'));
        preamble = parsed;
      }
      const rest = preamble.length === 0 ? Buffer.alloc(0) : (socket.read(preamble.length) as Buffer | null);
      if (rest === null) return;
      if (rest.length < preamble.length) return conclude(malformed('a header cut short'));
      const parsed = parseProxyAddress(preamble, rest);
      conclude('reason' in parsed ? malformed(parsed.reason) : { ok: true, address: parsed.address });
    };
    socket.on('readable', read);
    read();
  }

  /** Does the TLS handshake. `done` is called once; the socket is not destroyed here. */
  secure(socket: Socket, done: (result: Secured) => void): void {
    const tls = this.#tls;
    if (tls === null) return;
    const finish = this.#begin(socket, this.#limits.handshakeTimeoutMs, 'TLS handshake', done);
    if (finish === null) return;
    const asksClient = tls.wantsClientCertificates();
    // TLS 1.3 agrees on the protocol before it asks for the certificate.
    let challenge: SecureContext | null = null;
    const secured = new TLSSocket(socket, {
      isServer: true,
      // What a caller shows is judged by its route: some ask for none.
      requestCert: asksClient,
      rejectUnauthorized: false,
      secureContext: tls.certificates.contextFor(null, asksClient),
      ALPNCallback: ({ servername, protocols }) => {
        if (protocols.length !== 1 || protocols[0] !== ACME_ALPN) {
          return this.#protocols.find((known) => protocols.includes(known));
        }
        challenge = tls.certificates.challengeFor(servername);
        return challenge === null ? undefined : ACME_ALPN;
      },
      SNICallback: (serverName, chosen) => {
        chosen(null, challenge ?? tls.certificates.contextFor(serverName, asksClient));
      },
    });
    secured.on('error', (error: NodeJS.ErrnoException) => {
      secured.destroy();
      finish(malformed(`TLS: ${error.code ?? 'handshake'}`));
    });
    const ended = (): void => {
      secured.destroy();
      finish(malformed('TLS: ended inside the handshake'));
    };
    secured.once('end', ended);
    secured.once('secure', () => {
      secured.off('end', ended);
      if (secured.alpnProtocol === ACME_ALPN) {
        // The certificate was the answer; nothing is served here.
        finish(null);
        secured.setTimeout(this.#limits.handshakeTimeoutMs, () => secured.destroy());
        secured.end();
      } else finish({ ok: true, socket: secured });
    });
  }

  /**
   * Counts one and sets its deadline; null where there are too many. What is returned ends the wait, the
   * first time that it is called: with a result for `done`, or with null for none.
   */
  #begin<T>(
    socket: Socket,
    timeoutMs: number,
    what: string,
    done: (result: T | Refused) => void,
  ): ((result: T | Refused | null) => void) | null {
    if (this.#inFlight >= this.#limits.handshakesInFlightMax) {
      done(tooMuch(`${what}: too many at once`));
      return null;
    }
    this.#inFlight += 1;
    let isOver = false;
    const leave = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.#inFlight -= 1;
      clearTimeout(timer);
      socket.off('close', leave);
      return true;
    };
    const finish = (result: T | Refused | null): void => {
      if (leave() && result !== null) done(result);
    };
    const timer = setTimeout(() => finish(tooMuch(`${what}: took too long`)), timeoutMs);
    socket.on('close', leave);
    return finish;
  }
}

function defaultLimits(): TransportLimits {
  return {
    handshakesInFlightMax: LIMITS.handshakesInFlightMax.value,
    handshakeTimeoutMs: LIMITS.handshakeTimeoutMs.value,
    proxyHeaderBytesMax: LIMITS.proxyHeaderBytesMax.value,
    proxyHeaderTimeoutMs: LIMITS.proxyHeaderTimeoutMs.value,
    forwardedHopsMax: LIMITS.forwardedHopsMax.value,
  };
}

function malformed(reason: string): Refused {
  return { ok: false, kind: 'request.malformed', reason };
}

function tooMuch(reason: string): Refused {
  return { ok: false, kind: 'limit.exceeded', reason };
}
