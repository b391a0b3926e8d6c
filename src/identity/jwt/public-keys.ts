import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { JwtAlgorithm } from '../../manifest/index.ts';

/** Curve by algorithm (RFC 7518 section 3.4, RFC 8037); the other algorithms are those of RSA. */
const CURVES: Readonly<Partial<Record<JwtAlgorithm, string>>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
};
const PARAMETERS: ReadonlyMap<string, readonly string[]> = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
]);
/** Parameters that only private and symmetric keys have (RFC 7518 section 6). */
const PRIVATE_PARAMETERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const EXPONENT_MIN = 3n;
const EXPONENT_MAX = 2n ** 32n;
const PARAMETER_CHARS_MAX = Math.ceil((LIMITS.rsaKeyBitsMax.value / 8) * (4 / 3)) + 1;

/** A key that verifies signatures. */
export interface PublicKey {
  /** What the key is, whatever it is called: equal for equal keys. */
  readonly id: string;
  readonly kid: string | null;
  /** Null: every algorithm that fits. */
  readonly algorithm: string | null;
  /** Null for RSA. */
  readonly curve: string | null;
  readonly key: KeyObject;
}

export interface PublicKeys {
  readonly keys: readonly PublicKey[];
  /** Why the other members of the set are not used. */
  readonly ignored: readonly string[];
}

/**
 * The keys of a JSON Web Key Set (RFC 7517) that can verify. A member that is private, symmetric, weak, for
 * another use or of a type that is not known is left out, as section 5 asks; of two different keys with the
 * same `kid` both are. Errors: CORDON_EGRESS_FAILED when it is no set, or a set with too many members.
 */
export function readPublicKeys(set: unknown): PublicKeys {
  const members = membersOf(set);
  const ignored: string[] = [];
  const read: PublicKey[] = [];
  for (const [index, member] of members.entries()) {
    const result = readMember(member);
    if (typeof result === 'string') ignored.push(`key ${index}: ${result}`);
    else if (!read.some((other) => isSame(other, result))) read.push(result);
  }
  const isAmbiguous = (key: PublicKey): boolean =>
    key.kid !== null && read.some((other) => other !== key && other.kid === key.kid);
  for (const key of read) if (isAmbiguous(key)) ignored.push(`key ${key.kid}: another has the same kid`);
  return { keys: read.filter((key) => !isAmbiguous(key)), ignored };
}

/** True where a signature by this algorithm may be of this key. */
export function fits({ algorithm, curve }: PublicKey, wanted: JwtAlgorithm): boolean {
  return curve === (CURVES[wanted] ?? null) && (algorithm === null || algorithm === wanted);
}

function membersOf(set: unknown): readonly unknown[] {
  const keys = isRecord(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) throw unusable('what it answers is no JSON Web Key Set');
  const most = LIMITS.jwksKeysMax.value;
  if (keys.length > most) throw unusable(`its key set has more than ${most} keys`);
  return keys;
}

/** The key, or why it is none. */
function readMember(member: unknown): PublicKey | string {
  if (!isRecord(member)) return 'no object';
  const { kty, kid, alg, use, key_ops: operations } = member;
  const names = typeof kty === 'string' ? PARAMETERS.get(kty) : undefined;
  if (typeof kty !== 'string' || names === undefined) return 'its type is not one that verifies';
  if (PRIVATE_PARAMETERS.some((name) => Object.hasOwn(member, name))) return 'it is not public';
  if (use !== undefined && use !== 'sig') return 'it is not for signatures';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return 'it is not for verifying';
  if (alg !== undefined && typeof alg !== 'string') return 'its algorithm is no text';
  if (kid !== undefined && !isKeyId(kid)) return 'its kid is no text, or too long';
  const jwk: Record<string, string> = { kty };
  for (const name of names) {
    const value = member[name];
    if (typeof value !== 'string' || value.length > PARAMETER_CHARS_MAX) return `it has no usable ${name}`;
    jwk[name] = value;
  }
  const key = importKey(jwk);
  if (typeof key === 'string') return key;
  return {
    id: JSON.stringify(jwk),
    kid: kid ?? null,
    algorithm: alg ?? null,
    curve: jwk['crv'] ?? null,
    key,
  };
}

function importKey(jwk: Record<string, string>): KeyObject | string {
  const curve = jwk['crv'];
  if (curve !== undefined && !Object.values(CURVES).includes(curve))
    return 'its curve is not one that verifies';
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return 'it is no valid key';
  }
  if (curve !== undefined) return key;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < LIMITS.rsaKeyBitsMin.value) return 'it is too short';
  if (modulusLength > LIMITS.rsaKeyBitsMax.value) return 'it is too long';
  const isSound =
    publicExponent % 2n === 1n && publicExponent >= EXPONENT_MIN && publicExponent < EXPONENT_MAX;
  return isSound ? key : 'its exponent is not usable';
}

export function isKeyId(kid: unknown): kid is string {
  return typeof kid === 'string' && kid !== '' && Buffer.byteLength(kid) <= LIMITS.jwksKeyIdBytesMax.value;
}

function isSame(one: PublicKey, other: PublicKey): boolean {
  return one.id === other.id && one.kid === other.kid && one.algorithm === other.algorithm;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unusable(why: string): CordonError {
  return new CordonError('CORDON_EGRESS_FAILED', `Cannot use the issuer: ${why}.`);
}
