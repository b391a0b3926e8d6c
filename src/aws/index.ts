/**
 * Signature Version 4, with which services of AWS and those that speak their protocols know who asks.
 * Promises: what the signer of AWS signs, this signs in the same way. It reads no credentials from anywhere,
 * sends nothing, and changes nothing but the fields that a signature takes.
 */
export { canonicalUrl, sha256, signAws } from './signature.ts';
export type { AwsCredentials, AwsSigning, SignedField } from './signature.ts';
