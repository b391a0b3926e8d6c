import type { SecureContext, TLSSocket } from 'node:tls';

/** How connections come in. */
export interface TransportOptions {
  /** Null: plain HTTP/1.1. */
  readonly tls: TlsOptions | null;
  /** Null: no proxy is trusted. */
  readonly proxy: ProxyOptions | null;
  /** What is offered in handshakes, in the order in which it is preferred. Default: HTTP/2, then HTTP/1.1. */
  readonly protocols?: readonly string[];
  /** Default: `LIMITS`. */
  readonly limits?: Partial<TransportLimits>;
}

export interface TlsOptions {
  readonly certificates: Certificates;
  /** True while some app asks its callers for a certificate. Asked at each handshake. */
  readonly wantsClientCertificates: () => boolean;
}

export interface ProxyOptions {
  /** Address ranges (CIDR), or single addresses, whose word on their callers is taken. */
  readonly trusted: readonly string[];
  /** True: they say it in a header of the PROXY protocol, version 2; false: in X-Forwarded fields. */
  readonly header: boolean;
}

/** The bounds of an entrance, in the units their names end with. */
export interface TransportLimits {
  readonly handshakesInFlightMax: number;
  readonly handshakeTimeoutMs: number;
  readonly proxyHeaderBytesMax: number;
  readonly proxyHeaderTimeoutMs: number;
  readonly forwardedHopsMax: number;
}

/** What is shown in handshakes. It changes while connections stay. */
export interface Certificates {
  /** What answers a caller of this server name; null for one that named none. Never fails. */
  contextFor(serverName: string | null, asksClient: boolean): SecureContext;
  /** What proves to an ACME server that a name is served here; null where nothing is to be proved. */
  challengeFor(serverName: string): SecureContext | null;
}

/** Keeps texts sealed between starts. */
export interface AcmeKeeper {
  /** Null for a text that was never written, or cannot be opened any more. */
  read(name: string): Promise<string | null>;
  write(name: string, text: string): Promise<void>;
}

/** Something that an operator has to look at, while all goes on. */
export interface Finding {
  readonly code: 'CORDON_TLS_UNREADABLE' | 'CORDON_TLS_INVALID' | 'CORDON_TLS_EXPIRED' | 'CORDON_ACME_FAILED';
  readonly reason: string;
}

/** How a handshake ended, or the reading of a header. */
export type Refused = {
  readonly ok: false;
  readonly kind: 'limit.exceeded' | 'request.malformed';
  readonly reason: string;
};
export type Secured = { readonly ok: true; readonly socket: TLSSocket } | Refused;
/** `address`: null where the connection is the proxy's own. */
export type Proxied = { readonly ok: true; readonly address: string | null } | Refused;
