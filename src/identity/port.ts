import type { X509Certificate } from 'node:crypto';
import type { AuthKind } from '../manifest/index.ts';

/** What a request shows of who sent it. Nothing of it has been believed yet. */
export interface Credentials {
  /** Value of the one Authorization field; null where there is none. */
  readonly authorization: string | null;
  /** The Cookie fields as one; null where there is none. */
  readonly cookie: string | null;
  /** Value of the one field of this lower-case name; null where it is absent or repeated. */
  field(name: string): string | null;
  /** What the caller's end of the TLS connection showed; null for none. */
  readonly certificate: ClientCertificate | null;
  /** The whole body, for authenticators that sign it; null for the others. */
  readonly body: Uint8Array | null;
  /** Address of the caller. */
  readonly address: string;
}

/** A client certificate of a TLS connection whose private key the caller has proved to hold. */
export interface ClientCertificate {
  readonly leaf: X509Certificate;
  /** What the caller sent besides, in its order. Not judged. */
  readonly intermediates: readonly X509Certificate[];
}

/** A value of a declared claim, of the type that the manifest says. */
export type ClaimValue = string | readonly string[] | number | boolean;

/** Who calls, as an authenticator vouches for it. */
export interface KnownCaller {
  /** `user`: JWT or login. `key`: API key. `machine`: client certificate. `webhook`: signed delivery. */
  readonly kind: 'user' | 'key' | 'machine' | 'webhook';
  /** Kind and name of the authenticator, such as `jwt:customers`. */
  readonly authenticator: string;
  /** Stable name of the caller, unique within the authenticator. */
  readonly subject: string;
  /** Stable name of the credential that was shown, never the credential itself: an id or a digest. */
  readonly credential: string;
  readonly scopes: readonly string[];
  /** The claims that the manifest declares and the credential has. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** When it has to be identified again, ms since the epoch; null for never. */
  readonly expiresAt: number | null;
}

export type Caller = { readonly kind: 'anonymous' } | { readonly kind: 'control' } | KnownCaller;

/** What an authenticator says of a request. `reason` is for the operator alone: from outside all failures look alike. */
export type Verdict =
  { readonly ok: true; readonly caller: KnownCaller } | { readonly ok: false; readonly reason: string };

/**
 * One authenticator of an app. It answers at once where it can (a cached verdict), so that the ordinary
 * request does not wait for a turn of the event loop. It never throws for what a caller sent; what fails
 * within it lets nobody in.
 */
export interface Authenticator {
  readonly kind: AuthKind;
  /** Name in the manifest. */
  readonly name: string;
  /** True where the whole body has to be there first. */
  readonly needsBody: boolean;
  /** Value of WWW-Authenticate where it is refused; null for none. */
  readonly challenge: string | null;
  authenticate(credentials: Credentials): Verdict | Promise<Verdict>;
  /** The verdict that can be given without any work; null where the credential would have to be verified. */
  known?(credentials: Credentials): Verdict | null;
  /** Public id of the credential that is claimed, to count its failures by; null where it has none. */
  claimed?(credentials: Credentials): string | null;
  /** False as soon as a caller that was let in would not be any more: it has expired or was revoked. */
  isCurrent(caller: KnownCaller): boolean;
  /**
   * The request with which this caller was let in came to nothing: no function has seen it. Of authenticators that
   * let each request in once; it may be sent again. Another caller than one that was let in changes nothing.
   */
  revoke?(caller: KnownCaller): void;
  /** Ends what goes on in the background. */
  close(): void;
}
