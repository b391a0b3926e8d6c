import type { JWTPayload } from 'jose';
import { LIMITS } from '../../contract/index.ts';
import type { Attributes, AttributeType, JwtSpec } from '../../manifest/index.ts';
import type { ClaimValue } from '../port.ts';

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** What a verified token says of its caller. */
export interface TokenClaims {
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** The moment from which the token is not taken any more, in ms since the epoch; the skew is in it. */
  readonly expiresAt: number;
}

/** Reads the claims of a token whose signature, issuer, audience and times were found good, or says why not. */
export function readClaims(payload: JWTPayload, spec: JwtSpec, now: number): TokenClaims | string {
  const expiresAt = Math.floor(Number(payload.exp) * 1000 + spec.clockSkewMs);
  if (!Number.isSafeInteger(expiresAt)) return 'its exp is no time';
  const { iat } = payload;
  if (iat !== undefined && !(typeof iat === 'number' && iat * 1000 <= now + spec.clockSkewMs))
    return 'it was issued in the future';
  const subject = own(payload, spec.subject);
  if (!isSubject(subject)) return 'it names no caller';
  const scopes = scopesOf(payload);
  if (scopes === null) return 'it has too many scopes';
  return { subject, scopes, claims: declaredClaims(payload, spec.claims), expiresAt };
}

/** The claims that are declared and of the declared type; another type is as good as absent. */
export function declaredClaims(payload: JWTPayload, declared: Attributes): Record<string, ClaimValue> {
  const claims: [string, ClaimValue][] = [];
  for (const [name, type] of Object.entries(declared)) {
    const value = own(payload, name);
    if (isOfType(value, type)) claims.push([name, value]);
  }
  // Not by assignment: a claim may be named __proto__.
  return Object.fromEntries(claims);
}

/** Scopes of `scope` (RFC 9068) and `scp`; null when there are too many. */
function scopesOf(payload: JWTPayload): readonly string[] | null {
  const listed = ['scope', 'scp'].flatMap((name) => {
    const value = own(payload, name);
    if (typeof value === 'string') return value.split(' ');
    return isOfType(value, 'strings') ? value : [];
  });
  const scopes = [...new Set(listed.filter((scope) => SCOPE.test(scope)))];
  return scopes.length <= LIMITS.jwtScopesMax.value ? scopes : null;
}

/** Without control characters, which would forge lines wherever a subject is shown. */
function isSubject(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value) &&
    Buffer.byteLength(value) <= LIMITS.jwtSubjectBytesMax.value
  );
}

function isOfType(value: unknown, type: 'strings'): value is readonly string[];
function isOfType(value: unknown, type: AttributeType): value is ClaimValue;
function isOfType(value: unknown, type: AttributeType): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    case 'integer':
      return Number.isSafeInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
  }
}

function own(payload: JWTPayload, name: string): unknown {
  return Object.hasOwn(payload, name) ? payload[name] : undefined;
}
