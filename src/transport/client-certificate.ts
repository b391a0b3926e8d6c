import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

const CHAIN_MAX = 8;

/** A client certificate of a TLS connection whose private key the caller has proved to hold. */
export interface ShownCertificate {
  readonly leaf: X509Certificate;
  /** What the caller sent besides, in its order. Not judged. */
  readonly intermediates: readonly X509Certificate[];
}

/** What the caller's end of a TLS connection showed; null for nothing. Whether it is to be believed is not judged here. */
export function clientCertificateOf(socket: TLSSocket): ShownCertificate | null {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return null;
  const intermediates: X509Certificate[] = [];
  let shown = socket.getPeerCertificate(true);
  // A certificate that names itself as its issuer ends the chain.
  while (intermediates.length < CHAIN_MAX) {
    const { issuerCertificate: issuer, raw } = shown;
    if (issuer === undefined || issuer.raw === undefined || issuer.raw.equals(raw)) break;
    intermediates.push(new X509Certificate(issuer.raw));
    shown = issuer;
  }
  return { leaf, intermediates };
}
