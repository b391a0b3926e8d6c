import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

// Forward secrecy and authenticated encryption only (RFC 9325 section 4.2); the order is the caller's.
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_COMPRESSION, SSL_OP_NO_TICKET } = constants;

/**
 * A context of TLS 1.2 and 1.3. `ticketKeys`: 48 bytes under which sessions are resumed; null for no
 * resumption: a ticket would not hold the intermediates of a client's certificate.
 */
export function tlsContext(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  { ticketKeys }: { readonly ticketKeys: Buffer | null },
): SecureContext {
  const secureOptions = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;
  return createSecureContext({
    cert: certificate,
    key,
    ciphers: CIPHERS,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    sessionIdContext: 'cordon',
    ...(ticketKeys === null
      ? { secureOptions: secureOptions | SSL_OP_NO_TICKET }
      : { secureOptions, ticketKeys }),
  });
}
