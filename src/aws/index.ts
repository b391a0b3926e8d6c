/**
 * Signature Version 4, with which services of AWS and those that speak their protocols know who asks.
 * Promises: what the signer of AWS signs, this signs in the same way. It reads no credentials from anywhere,
 * sends nothing, and changes nothing but the fields that a signature takes.
 */
export { canonicalUrl, signAws } from './signature.ts';
export type { AwsCredentials, AwsSigning } from './signature.ts';
export {
  AWS_ALGORITHM,
  awsTime,
  canonicalPathOf,
  canonicalQuery,
  canonicalRequest,
  hmac,
  scopeText,
  sha256,
  signingKey,
  textToSign,
} from './canonical.ts';
export type { AwsScope, CanonicalRequest, SignedField } from './canonical.ts';
