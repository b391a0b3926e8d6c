/**
 * Who asks the S3 endpoint, and whether it was changed on the way: Signature Version 4 in the header, in the
 * query and in the form of a browser, and bodies with their framing, hashes and checksums. Promises: what it
 * returns is what was signed, read once, so that nothing can be read in another way later; it decides in
 * constant time over the signature; memory is bounded whatever a body claims. Refuses, with an `S3Error`:
 * anything ambiguous (fields or parameters twice, escapes that decode to no text), `x-amz-*` fields that are
 * not signed, and all that it does not know. An UNSIGNED-PAYLOAD is taken as S3 takes it: its bytes are then
 * vouched for by the transport alone, which is TLS or loopback unless plain HTTP was exposed as `unsafe`.
 */
export { S3Error } from '../errors.ts';
export type { S3ErrorCode, S3ErrorDetails } from '../errors.ts';
export type {
  Checksum,
  ChecksumAlgorithm,
  KeyLookup,
  PayloadMode,
  PostForm,
  SignedRequest,
  SigningKey,
  VerifiedBody,
  VerifiedForm,
  VerifiedRequest,
  VerifyOptions,
} from './port.ts';
export { verifyRequest } from './verify-request.ts';
export { verifyPostForm } from './verify-post-form.ts';
export { presign } from './presign.ts';
export type { Presigning } from './presign.ts';
export { signPostPolicy } from './post-policy.ts';
export type { PostPolicyField, PostPolicySigning } from './post-policy.ts';
export { CHECKSUMS, checksumOf, newChecksum } from './checksum.ts';
export type { RunningChecksum } from './checksum.ts';
export { AccessSigner } from './access-signer.ts';
export type {
  AccessSignerOptions,
  PostFormWish,
  PresignWish,
  SignedForm,
  SignedUrl,
} from './access-signer.ts';
