import { LIMITS } from '../../contract/index.ts';
import type { JwtAlgorithm } from '../../manifest/index.ts';
import { jose } from './jose.ts';
import { isKeyId } from './public-keys.ts';

const FORM = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** Media types of JWTs and of access tokens (RFC 7519 section 5.1, RFC 9068), as `typ` abbreviates them. */
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

/** What may be believed of a header before the signature is checked: which key would have made it. */
export interface TokenHeader {
  readonly algorithm: JwtAlgorithm;
  readonly kid: string | null;
}

/**
 * Reads the header of a JWT in its compact form, or says why it is none. Members that name or hold a key
 * (`jku`, `jwk`, `x5u`, `x5c`) are not looked at: keys come from the issuer alone.
 */
export function readHeader(token: string, algorithms: readonly JwtAlgorithm[]): TokenHeader | string {
  if (Buffer.byteLength(token) > LIMITS.jwtBytesMax.value) return 'the token is too long';
  const parts = FORM.exec(token)?.slice(1);
  if (parts === undefined || !parts.every(isCanonical)) return 'it is no JWT';
  let header: Readonly<Record<string, unknown>>;
  try {
    header = jose().decodeProtectedHeader(token);
  } catch {
    return 'its header cannot be read';
  }
  const { alg, kid, typ } = header;
  const algorithm = algorithms.find((allowed) => allowed === alg);
  if (algorithm === undefined) return 'its algorithm is not allowed';
  // RFC 7515 section 4.1.11: nothing is understood that could be critical, RFC 7797 least of all.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) return 'it has critical extensions';
  if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase())))
    return 'it is of another type';
  if (kid !== undefined && !isKeyId(kid)) return 'its kid is no text, or too long';
  return { algorithm, kid: kid ?? null };
}

/** One text for the same bytes, or a token would have several digests. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}
