const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** The token of an Authorization field (RFC 6750 section 2.1); null where it is another scheme or malformed. */
export function bearerToken(authorization: string): string | null {
  return BEARER.exec(authorization)?.[1] ?? null;
}
